package docker

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"
)

// isFixed reports whether somebody chose the host port. Docker chooses from a range, and where there is none.
func isFixed(binding nat.PortBinding) bool {
	return binding.HostPort != "" && binding.HostPort != "0" && !strings.Contains(binding.HostPort, "-")
}

// portPlan gives out host ports from the configured range, each once.
type portPlan struct {
	free []int
}

// newPortPlan leaves out what any container of the engine, running or not, is bound to.
func (e *Fleet) newPortPlan(ctx context.Context, containers []container.Summary) *portPlan {
	taken := map[int]bool{}
	for _, summary := range containers {
		for _, port := range summary.Ports {
			taken[int(port.PublicPort)] = true
		}
		if summary.State == container.StateRunning || len(e.options.Ports) == 0 {
			continue
		}
		stopped, err := e.engine.ContainerInspect(ctx, summary.ID)
		if err != nil {
			continue // it was removed meanwhile: it binds nothing
		}
		for _, bindings := range stopped.HostConfig.PortBindings {
			for _, binding := range bindings {
				if port, err := strconv.Atoi(binding.HostPort); err == nil {
					taken[port] = true
				}
			}
		}
	}
	return &portPlan{free: slices.DeleteFunc(slices.Clone(e.options.Ports), func(port int) bool { return taken[port] })}
}

// move finds a new host port for each fixed one of an old container.
func (p *portPlan) move(old container.InspectResponse) (map[nat.Port][]int, error) {
	moved := map[nat.Port][]int{}
	ports := make([]nat.Port, 0, len(old.HostConfig.PortBindings))
	for port := range old.HostConfig.PortBindings {
		ports = append(ports, port)
	}
	slices.Sort(ports)
	for _, port := range ports {
		for _, binding := range old.HostConfig.PortBindings[port] {
			if !isFixed(binding) {
				continue
			}
			if len(p.free) == 0 {
				return nil, fmt.Errorf("%s publishes %s on the fixed host port %s, which its replacement can't share: give containers.port_range a free port for it, or let Docker choose the port (-p %s)",
					containerName(old), port, binding.HostPort, port.Port())
			}
			moved[port] = append(moved[port], p.free[0])
			p.free = p.free[1:]
		}
	}
	return moved, nil
}
