package docker

import (
	"context"
	"fmt"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/cutover/cutover/cutover"
)

// Containers is the container ladder: absent, stopped, healthy. It creates, starts, stops by signal and removes; the
// engine is never asked for something that it goes on doing when the caller is gone.
type Containers struct {
	*Fleet
	plan    cutover.Plan
	asked   func(target string) cutover.Moment // when the target may last have been asked to stop, or the zero moment
	now     func() time.Time
	started map[string]bool      // this process has asked Docker to start them
	signals map[string]time.Time // when this process first sent the stop signal
	killed  map[string]bool      // this process had to send SIGKILL
	keeps   map[string]*keeping  // exports under way
	gone    map[string]string    // what was in the stores of new containers that were removed
	spared  map[string]bool      // whose stores were seen to be empty
	carried map[string]bool      // new containers that have got what they must not start without

	// Starting is asked of a new container that runs, again and again until it is seen healthy: what must be so before
	// it is. Stopping is asked of a running one right before its stop signal; what it can't do the signal does. Both
	// may be nil.
	Starting, Stopping func(ctx context.Context, target string, place cutover.Place) error
}

// NewContainers moves the containers of one plan. stopAskedAt is the latest moment at which a running target may have
// been asked to stop, as the journal knows it: a request to stop can't be taken back.
func NewContainers(fleet *Fleet, plan cutover.Plan, stopAskedAt func(target string) cutover.Moment, now func() time.Time) *Containers {
	return &Containers{Fleet: fleet, plan: plan, asked: stopAskedAt, now: now, started: map[string]bool{}, signals: map[string]time.Time{}, killed: map[string]bool{}, carried: map[string]bool{}, gone: map[string]string{}, spared: map[string]bool{}, keeps: map[string]*keeping{}}
}

// Set asks for one rung: create, start, stop or remove. It may be repeated; what is done already is left alone.
func (r *Containers) Set(ctx context.Context, target string, want cutover.State) error {
	if want != cutover.Healthy {
		delete(r.started, target) // that it ends is what is wanted
	}
	c, err := r.mine(ctx, target)
	switch {
	case isNotFound(err) && want == cutover.Absent:
		return nil
	case isNotFound(err) && want == cutover.Stopped && r.plan.Old(target) != "":
		return r.create(ctx, r.plan.Old(target), target)
	case err != nil:
		return err
	}
	switch want {
	case cutover.Healthy:
		if r.started[target] && r.plan.Old(target) != "" && !c.State.Running && !c.State.Restarting {
			return nil // it has ended, which the next look tells: started again, a bad image could pass for a good one
		}
		if err := r.renew(ctx, c, r.asked(target)); err != nil {
			return err
		}
		return r.prepare(ctx, target)
	case cutover.Stopped:
		if c.State.Running || c.State.Restarting {
			return r.stop(ctx, c)
		}
		return r.connect(ctx, c)
	case cutover.Absent:
		if r.plan.Old(target) != "" && (c.State.Running || c.State.Restarting) {
			return r.stop(ctx, c) // a start that was given up has landed since it was seen stopped
		}
		return r.remove(ctx, c)
	}
	return cutover.Permanent(fmt.Errorf("container %s: there is no state %q", target, want))
}

// Observe inspects the container and, where it runs, asks the product.
func (r *Containers) Observe(ctx context.Context, target string) (cutover.Observation, error) {
	c, err := r.mine(ctx, target)
	if isNotFound(err) {
		return cutover.Observation{State: cutover.Absent, Warning: r.gone[target]}, nil
	}
	if err != nil {
		return cutover.Observation{}, err
	}
	if _, stopping := r.signals[target]; stopping && c.State.Running {
		return cutover.Observation{Detail: "asked to stop, still runs"}, nil
	}
	seen, err := r.look(ctx, c)
	if err != nil {
		return seen, err
	}
	switch {
	case seen.State == cutover.Healthy && !r.lives(c, r.asked(target)):
		seen.State, seen.Detail = "", "it was asked to stop and still runs"
	case seen.State == cutover.Stopped && r.killed[target]:
		seen.Warning = fmt.Sprintf("it did not stop within %s and was killed", r.options.StopTimeout)
	case seen.State == cutover.Stopped && r.started[target]:
		seen.Doomed = seen.Detail + " after it was started: see docker logs " + target
	case r.started[target] && c.RestartCount >= 3:
		seen.Doomed = fmt.Sprintf("Docker has restarted it %d times: see docker logs %s", c.RestartCount, target)
	case seen.State == cutover.Stopped && r.unconnected(c) != "":
		seen.State, seen.Detail = "", "not on network "+r.unconnected(c)+" yet"
	case seen.State == cutover.Stopped && r.keeps[target] != nil:
		seen.Detail = "its log and containers.keep are being exported"
	case seen.State == cutover.Stopped && r.empty(c):
		seen.State, seen.Detail = "", "containers.carry has not been copied yet"
	}
	if seen.State == cutover.Stopped && r.plan.Old(target) != "" && c.RestartCount > 0 {
		seen.Warning = strings.TrimPrefix(seen.Warning+fmt.Sprintf("; Docker has restarted it %d times: what it held in memory when it ended may be lost", c.RestartCount), "; ")
	}
	return seen, nil
}

// prepare asks a new container that runs for what must be so before it is healthy.
func (r *Containers) prepare(ctx context.Context, target string) error {
	if r.Starting == nil || r.plan.Old(target) == "" {
		return nil
	}
	place, err := r.Locate(ctx, target)
	if err != nil || !place.Running {
		return err
	}
	return r.Starting(ctx, target, place)
}

// mine inspects a container and makes sure that it is the one the plan means, not another of the same name.
func (r *Containers) mine(ctx context.Context, target string) (container.InspectResponse, error) {
	c, err := r.engine.ContainerInspect(ctx, target)
	if err != nil {
		return c, fmt.Errorf("inspect %s: %w", target, err)
	}
	if node, old := r.plan.Node(target); old && node.ID != c.ID {
		return c, cutover.Permanent(fmt.Errorf("container %s is another one than planned (%s, not %s): somebody replaced it: bring the planned one back under that name, or take the fleet over by hand",
			target, shortID(c.ID), shortID(node.ID)))
	}
	if r.plan.Old(target) != "" && c.Config.Labels[LabelRollout] != r.plan.Spec.Rollout {
		return c, cutover.Permanent(fmt.Errorf("container %s was not made by rollout %s: rename or remove it", target, r.plan.Spec.Rollout))
	}
	return c, nil
}

func (r *Containers) start(ctx context.Context, c container.InspectResponse) error {
	name := containerName(c)
	if err := r.restorePolicy(ctx, c); err != nil {
		return err
	}
	delete(r.signals, name)
	delete(r.killed, name)
	if err := r.engine.ContainerStart(ctx, c.ID, container.StartOptions{}); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	r.started[name] = true
	return nil
}

// KeepDown switches a container's restart policy off, so that it stays down when its process ends. It may be repeated;
// KeepUp, and starting an old container, give it its policy back.
func (r *Containers) KeepDown(ctx context.Context, target string) error {
	c, err := r.engine.ContainerInspect(ctx, target)
	if err != nil {
		return fmt.Errorf("inspect %s: %w", target, err)
	}
	if c.HostConfig.RestartPolicy.Name == container.RestartPolicyDisabled {
		return nil
	}
	off := container.UpdateConfig{RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled}}
	if _, err := r.engine.ContainerUpdate(ctx, c.ID, off); err != nil {
		return fmt.Errorf("switch the restart policy of %s off: %w", target, err)
	}
	return nil
}

// KeepUp gives a container its restart policy: the one it had, or that of the one which it replaces. It may be repeated.
func (r *Containers) KeepUp(ctx context.Context, target string) error {
	c, err := r.mine(ctx, target)
	if err != nil {
		return err
	}
	name := target
	if old := r.plan.Old(target); old != "" {
		name = old
	}
	node, _ := r.plan.Node(name)
	return r.policy(ctx, c, node)
}

// restorePolicy gives an old container its restart policy back.
func (r *Containers) restorePolicy(ctx context.Context, c container.InspectResponse) error {
	node, old := r.plan.Node(containerName(c))
	if !old {
		return nil
	}
	return r.policy(ctx, c, node)
}

// policy gives a container the restart policy that a node had.
func (r *Containers) policy(ctx context.Context, c container.InspectResponse, node cutover.Node) error {
	known, err := factsOf(node)
	if err != nil || c.HostConfig.RestartPolicy == known.RestartPolicy {
		return err
	}
	if _, err := r.engine.ContainerUpdate(ctx, c.ID, container.UpdateConfig{RestartPolicy: known.RestartPolicy}); err != nil {
		return fmt.Errorf("give %s its restart policy: %w", containerName(c), err)
	}
	return nil
}

// stop switches the restart policy off, sends the stop signal once, and SIGKILL when the stop timeout is over. It
// does not wait: the runner asks again until the container is seen to have stopped.
func (r *Containers) stop(ctx context.Context, c container.InspectResponse) error {
	name := containerName(c)
	delete(r.started, name)
	if err := r.KeepDown(ctx, name); err != nil {
		return err
	}
	signal := c.Config.StopSignal
	if signal == "" {
		signal = "SIGTERM"
	}
	first, sent := r.signals[name]
	switch {
	case !sent:
		r.sayGoodbye(ctx, c)
		r.signals[name] = r.now()
	case r.now().Sub(first) >= r.options.StopTimeout:
		signal, r.killed[name] = "SIGKILL", true
	default:
		return nil
	}
	if err := r.engine.ContainerKill(ctx, c.ID, signal); err != nil && !isNotRunning(err) {
		delete(r.signals, name)
		return fmt.Errorf("send %s to %s: %w", signal, name, err)
	}
	return nil
}

// sayGoodbye lets the product end by itself. Nothing depends on it: the signal comes next.
func (r *Containers) sayGoodbye(ctx context.Context, c container.InspectResponse) {
	if r.Stopping == nil {
		return
	}
	if place, err := r.place(c); err == nil && place.Running {
		ctx, cancel := context.WithTimeout(ctx, goodbye)
		defer cancel()
		_ = r.Stopping(ctx, containerName(c), place)
	}
}

// goodbye bounds what a product that no longer answers can delay its stop signal by.
const goodbye = 5 * time.Second

// remove removes a stopped container whose stores are empty, after what is to be kept was exported, and the anonymous volumes that nothing else uses.
func (r *Containers) remove(ctx context.Context, c container.InspectResponse) error {
	if err := r.spare(ctx, c); err != nil {
		return err
	}
	if err := r.keep(ctx, c); err != nil {
		return err
	}
	if err := r.engine.ContainerRemove(ctx, c.ID, container.RemoveOptions{RemoveVolumes: true}); err != nil && !isNotFound(err) {
		return fmt.Errorf("remove %s: %w", containerName(c), err)
	}
	return nil
}

// Restart gives a container a new life, unless it has begun one after since already. It does not wait: it sends the
// stop signal, and once the container is down starts it, so it is to be asked again until it has happened.
func (r *Containers) Restart(ctx context.Context, target string, since cutover.Moment) error {
	c, err := r.mine(ctx, target)
	if err != nil {
		return err
	}
	return r.renew(ctx, c, since)
}

// renew makes a container run in a life that began after since: it starts a stopped one, leaves a good one alone,
// and sends the stop signal to one whose life is over.
func (r *Containers) renew(ctx context.Context, c container.InspectResponse, since cutover.Moment) error {
	switch {
	case !c.State.Running:
		return r.start(ctx, c)
	case r.lives(c, since):
		return r.restorePolicy(ctx, c)
	default:
		return r.stop(ctx, c)
	}
}

// lives reports whether a container's present life began after a moment.
func (r *Containers) lives(c container.InspectResponse, since cutover.Moment) bool {
	return since.IsZero() || since.Before(cutover.Place{StartedAt: r.startedAt(c), Life: c.State.StartedAt})
}

func isNotFound(err error) bool { return cerrdefs.IsNotFound(err) }

func isNotRunning(err error) bool {
	return cerrdefs.IsConflict(err) || strings.Contains(err.Error(), "is not running")
}
