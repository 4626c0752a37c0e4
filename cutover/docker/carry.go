package docker

import (
	"context"
	"fmt"
	"path"

	"github.com/docker/docker/api/types/container"
)

// carry copies what is on an old container's own disk and must not be in an image (a master password, a licence key,
// keystores) to the new one, before that starts. It streams, and may be repeated.
func (r *Containers) carry(ctx context.Context, oldName string, c container.InspectResponse) error {
	name := containerName(c)
	if r.carried[name] || len(r.options.Carry) == 0 {
		return nil
	}
	for _, from := range r.options.Carry {
		if err := r.carryOne(ctx, oldName, c.ID, from); err != nil {
			return fmt.Errorf("carry %s from %s to %s: %w", from, oldName, name, err)
		}
	}
	r.carried[name] = true
	return nil
}

func (r *Containers) carryOne(ctx context.Context, oldName, newID, from string) error {
	content, _, err := r.engine.CopyFromContainer(ctx, oldName, from)
	if err != nil {
		return err
	}
	defer content.Close() //nolint:errcheck // read to its end, or given up
	return r.engine.CopyToContainer(ctx, newID, path.Dir(from), content, container.CopyToContainerOptions{})
}

// uncarried lists what an old container can't hand on, each with its remedy.
func (e *Fleet) uncarried(ctx context.Context, c container.InspectResponse) (problems []error) {
	for _, from := range e.options.Carry {
		_, err := e.engine.ContainerStatPath(ctx, c.ID, from)
		switch {
		case isNotFound(err):
			problems = append(problems, fmt.Errorf("%s has no %s to carry over: take it out of containers.carry, or put it there", containerName(c), from))
		case err != nil:
			problems = append(problems, fmt.Errorf("look at %s of %s: %w", from, containerName(c), err))
		}
	}
	return problems
}

// empty reports whether a new container has not got yet what it must not start without.
func (r *Containers) empty(c container.InspectResponse) bool {
	return len(r.options.Carry) > 0 && r.plan.Old(containerName(c)) != "" && c.State.Status == container.StateCreated && !r.carried[containerName(c)]
}
