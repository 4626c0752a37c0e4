package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"

	"github.com/cutover/cutover/cutover"
)

// Fleet finds and looks at the containers of one engine. It changes nothing.
type Fleet struct {
	engine  *client.Client
	options Options
	ready   Readiness
	helpers *helpers
	ahead   time.Duration // how far the engine's clock is ahead of this machine's, as Ping found it
}

// NewFleet looks at one engine. ready may be nil: then Docker's word is enough.
func NewFleet(engine *client.Client, options Options, ready Readiness) *Fleet {
	return &Fleet{engine: engine, options: options, ready: ready, helpers: &helpers{engine: engine, open: map[string]*helper{}}}
}

// Close ends what looking at connections has started. It blocks until that is gone.
func (e *Fleet) Close(ctx context.Context) error { return e.helpers.close(ctx) }

// Find lists the running containers with the configured label, in the order of their names, as nodes whose
// container state and facts are filled in. problems are what keeps those that do not run the wanted image (an id)
// from being cut over, each with its remedy.
func (e *Fleet) Find(ctx context.Context, wanted string) (nodes []cutover.Node, problems []error, err error) {
	all, err := e.engine.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, nil, fmt.Errorf("list the containers of %s: %w", e.options.Host, err)
	}
	labels := filters.NewArgs()
	for label := range strings.SplitSeq(e.options.Label, ",") {
		labels.Add("label", strings.TrimSpace(label))
	}
	fleet, err := e.engine.ContainerList(ctx, container.ListOptions{Filters: labels})
	if err != nil {
		return nil, nil, fmt.Errorf("list the containers with label %s: %w", e.options.Label, err)
	}
	var inspected []container.InspectResponse
	for _, summary := range fleet {
		c, err := e.engine.ContainerInspect(ctx, summary.ID)
		if err != nil {
			return nil, nil, fmt.Errorf("inspect %s: %w", summary.ID, err)
		}
		inspected = append(inspected, c)
	}
	slices.SortFunc(inspected, func(a, b container.InspectResponse) int { return compareNames(a.Name, b.Name) })
	ports := e.newPortPlan(ctx, all)
	for _, c := range inspected {
		var moved map[nat.Port][]int
		if c.Image != wanted {
			if moved, err = ports.move(c); err != nil {
				problems = append(problems, err)
			}
			problems = append(problems, sideBySide(c, e.options)...)
			problems = append(problems, e.uncarried(ctx, c)...)
		}
		node, err := e.node(ctx, c, facts{
			RestartPolicy: c.HostConfig.RestartPolicy,
			Networks:      slices.Sorted(maps.Keys(c.NetworkSettings.Networks)), Ports: moved,
		})
		if err != nil {
			return nil, nil, err
		}
		nodes = append(nodes, node)
	}
	return nodes, problems, nil
}

func (e *Fleet) node(ctx context.Context, c container.InspectResponse, known facts) (cutover.Node, error) {
	remembered, err := json.Marshal(known)
	if err != nil {
		return cutover.Node{}, err
	}
	node := cutover.Node{
		Name: containerName(c), Base: baseName(c), Host: e.options.Host, ID: c.ID,
		Image: cutover.Image{Ref: c.Config.Image, ID: c.Image}, StartedAt: engineStartedAt(c), Life: c.State.StartedAt,
		Facts: map[cutover.Kind]json.RawMessage{cutover.Container: remembered},
	}
	seen, err := e.look(ctx, c)
	if err != nil {
		seen.Detail = err.Error()
	}
	node.Container, node.Detail = seen.State, seen.Detail
	return node, nil
}

// Locate tells where a container can be reached now. One that does not run, or is not there, has no address.
func (e *Fleet) Locate(ctx context.Context, target string) (cutover.Place, error) {
	c, err := e.engine.ContainerInspect(ctx, target)
	if isNotFound(err) {
		return cutover.Place{Host: e.options.Host}, nil
	}
	if err != nil {
		return cutover.Place{}, fmt.Errorf("locate %s: %w", target, err)
	}
	return e.place(c)
}

func (e *Fleet) place(c container.InspectResponse) (cutover.Place, error) {
	place := cutover.Place{ID: c.ID, Host: e.options.Host, StartedAt: e.startedAt(c)}
	// A container that Docker is about to restart says that it runs, and has no address.
	place.Running = c.State.Running && !c.State.Restarting
	place.Life = c.State.StartedAt
	if !place.Running {
		place.ExitCode, place.EndedAt = c.State.ExitCode, e.here(c.State.FinishedAt)
		return place, nil
	}
	if e.options.Publish {
		place.Address, place.Published = e.options.HostAddr, publishedPorts(c)
		return place, nil
	}
	endpoint, on := c.NetworkSettings.Networks[e.options.Network]
	if !on || endpoint.IPAddress == "" {
		return place, fmt.Errorf("locate %s: it has no address on the network %q", containerName(c), e.options.Network)
	}
	place.Address = endpoint.IPAddress
	return place, nil
}

func publishedPorts(c container.InspectResponse) map[int]int {
	ports := map[int]int{}
	for port, bindings := range c.NetworkSettings.Ports {
		for _, binding := range bindings {
			hostPort, err := strconv.Atoi(binding.HostPort)
			_, known := ports[port.Int()]
			if err != nil || port.Proto() != "tcp" || (known && strings.Contains(binding.HostIP, ":")) {
				continue // the port on IPv6 can be another one
			}
			ports[port.Int()] = hostPort
		}
	}
	return ports
}

// look tells the rung of a container that exists.
func (e *Fleet) look(ctx context.Context, c container.InspectResponse) (cutover.Observation, error) {
	switch state := c.State; {
	case state.Restarting:
		return cutover.Observation{Detail: fmt.Sprintf("Docker restarts it, last exit code %d", state.ExitCode)}, nil
	case state.Paused:
		return cutover.Observation{Detail: "paused: docker unpause it"}, nil
	case !state.Running:
		return cutover.Observation{State: cutover.Stopped, Detail: exitDetail(c)}, nil
	case state.Health != nil && state.Health.Status != container.NoHealthcheck && state.Health.Status != container.Healthy:
		return cutover.Observation{Detail: "Docker's health check says " + state.Health.Status}, nil
	}
	if e.ready == nil {
		return cutover.Observation{State: cutover.Healthy, Detail: "running"}, nil
	}
	place, err := e.place(c)
	if err != nil {
		return cutover.Observation{}, err
	}
	ready, detail, err := e.ready.Ready(ctx, containerName(c), place)
	if err != nil {
		return cutover.Observation{}, err
	}
	if !ready {
		return cutover.Observation{Detail: detail}, nil
	}
	return cutover.Observation{State: cutover.Healthy, Detail: detail}, nil
}

func exitDetail(c container.InspectResponse) string {
	if c.State.Status == container.StateCreated {
		return "created"
	}
	detail := fmt.Sprintf("exited with code %d", c.State.ExitCode)
	if c.State.OOMKilled {
		detail += ", killed for want of memory"
	}
	return detail
}

// startedAt is when a container's present life began, on this machine's clock.
func (e *Fleet) startedAt(c container.InspectResponse) time.Time {
	return e.here(c.State.StartedAt)
}

// here is a moment on the engine's clock, on this machine's; the zero time when it has not come.
func (e *Fleet) here(moment string) time.Time {
	at := parsed(moment)
	if at.IsZero() {
		return at
	}
	return at.Add(-e.ahead)
}

// engineStartedAt is the same on the engine's clock: what tells two lives apart.
func engineStartedAt(c container.InspectResponse) time.Time {
	return parsed(c.State.StartedAt)
}

func parsed(moment string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, moment)
	if err != nil {
		return time.Time{}
	}
	return at
}

// Image resolves a reference to the image that this engine would run.
func (e *Fleet) Image(ctx context.Context, ref string) (cutover.Image, error) {
	image, err := e.engine.ImageInspect(ctx, ref)
	if err != nil {
		if isNotFound(err) {
			return cutover.Image{}, fmt.Errorf("image %s is not on %s: build it with cutover build, or docker pull it", ref, e.options.Host)
		}
		return cutover.Image{}, fmt.Errorf("inspect image %s: %w", ref, err)
	}
	return cutover.Image{Ref: ref, ID: image.ID}, nil
}

// Ping says whether the engine answers, and compares its clock with this machine's. It is to be called first.
func (e *Fleet) Ping(ctx context.Context) error {
	before := time.Now()
	info, err := e.engine.Info(ctx)
	after := time.Now()
	if there, parsed := time.Parse(time.RFC3339Nano, info.SystemTime); err == nil && parsed == nil {
		switch e.ahead = 0; {
		case there.Before(before):
			e.ahead = there.Sub(before)
		case there.After(after):
			e.ahead = there.Sub(after)
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("reach Docker on %s: %w", e.options.Host, err),
			errors.New("check hosts.docker, DOCKER_HOST and your right to use the socket"))
	}
	return nil
}
