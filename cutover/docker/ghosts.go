package docker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/cutover/cutover/cutover"
)

// Found is a container of the fleet, whatever state it is in.
type Found struct {
	Name, ID string
	Status   string // Docker's word: created, running, exited and so on
	ExitCode int
	Rollout  string // that made it; empty: something else did
	Replaces string // the container that it was made to replace
	Place    cutover.Place
	Restart  container.RestartPolicy
	Lost     string // why one that runs can't be reached; else empty
}

// Running reports whether it can be reached.
func (f Found) Running() bool { return f.Place.Running }

// NeverStarted reports whether nothing can be lost with it.
func (f Found) NeverStarted() bool { return f.Status == container.StateCreated }

// Everything lists the containers with the configured label, running or not, in the order of their names. What cutover
// makes has that label too, as a clone. It changes nothing.
func (e *Fleet) Everything(ctx context.Context) ([]Found, error) {
	fleet := filters.NewArgs()
	for label := range strings.SplitSeq(e.options.Label, ",") {
		fleet.Add("label", strings.TrimSpace(label))
	}
	listed, err := e.engine.ContainerList(ctx, container.ListOptions{All: true, Filters: fleet})
	if err != nil {
		return nil, fmt.Errorf("list the containers with label %s: %w", e.options.Label, err)
	}
	var all []Found
	for _, summary := range listed {
		found, err := e.found(ctx, summary.ID)
		if isNotFound(err) {
			continue // it has just been removed
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found)
	}
	slices.SortFunc(all, func(a, b Found) int { return compareNames(a.Name, b.Name) })
	return all, nil
}

func (e *Fleet) found(ctx context.Context, id string) (Found, error) {
	c, err := e.engine.ContainerInspect(ctx, id)
	if err != nil {
		return Found{}, fmt.Errorf("inspect %s: %w", id, err)
	}
	place, err := e.place(c)
	lost := ""
	if err != nil {
		place.Running, lost = false, err.Error()
	}
	return Found{
		Name: containerName(c), ID: c.ID, Status: c.State.Status, ExitCode: c.State.ExitCode,
		Rollout: c.Config.Labels[LabelRollout], Replaces: c.Config.Labels[LabelReplaces], Place: place, Restart: c.HostConfig.RestartPolicy, Lost: lost,
	}, nil
}

// SetRestart gives a container a restart policy.
func (e *Fleet) SetRestart(ctx context.Context, name string, policy container.RestartPolicy) error {
	_, err := e.engine.ContainerUpdate(ctx, name, container.UpdateConfig{RestartPolicy: policy})
	if err != nil {
		return fmt.Errorf("give %s the restart policy %s: %w", name, policy.Name, err)
	}
	return nil
}

// Helpers lists the helper containers on the engine that nobody asks through any more: those that do not run. One that
// runs ends with the process that it answers.
func (e *Fleet) Helpers(ctx context.Context) (names []string, err error) {
	listed, err := e.engine.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", LabelHelper))})
	if err != nil {
		return nil, fmt.Errorf("list the helper containers: %w", err)
	}
	for _, summary := range listed {
		if summary.State != container.StateRunning {
			names = append(names, strings.TrimPrefix(strings.Join(summary.Names, ","), "/"))
		}
	}
	return names, nil
}

// Discard removes a container that does not run and has never held anything: a helper, or one that was never started.
// Anything else is an error and stays. One that is gone is no error.
func (e *Fleet) Discard(ctx context.Context, name string) error {
	c, err := e.engine.ContainerInspect(ctx, name)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("inspect %s: %w", name, err)
	}
	helper := c.Config.Labels[LabelHelper] != ""
	if c.State.Running || (!helper && c.State.Status != container.StateCreated) {
		return fmt.Errorf("remove %s: it is %s by now: look at it again", name, c.State.Status)
	}
	err = e.engine.ContainerRemove(ctx, c.ID, container.RemoveOptions{RemoveVolumes: true})
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}
