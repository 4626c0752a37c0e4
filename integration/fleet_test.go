//go:build integration

package integration

import (
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/filters"

	"github.com/cutover/cutover/cutover"
)

func labelled(key string) filters.Args { return filters.NewArgs(filters.Arg("label", key)) }

// ids are the ids of the fleet's containers.
func (s *stack) ids() map[string]string {
	s.Helper()
	ids := map[string]string{}
	for name := range s.containers() {
		c, err := s.engine.ContainerInspect(s.Context(), name)
		s.must(err)
		ids[name] = c.ID
	}
	return ids
}

// hostname is what a container calls itself.
func (s *stack) hostname(containerName string) string {
	s.Helper()
	c, err := s.engine.ContainerInspect(s.Context(), containerName)
	s.must(err)
	return c.Config.Hostname
}

// startedAt is when a container's present life began.
func (s *stack) startedAt(containerName string) string {
	s.Helper()
	c, err := s.engine.ContainerInspect(s.Context(), containerName)
	s.must(err)
	return c.State.StartedAt
}

// isNew asserts that a rollout has replaced every container and left nothing over, and names the new ones.
func (s *stack) isNew(rollout string) []string {
	s.Helper()
	var want []string
	for _, name := range s.fleet {
		want = append(want, successor(name, rollout))
	}
	s.isFleet(want)
	for _, name := range want {
		c, err := s.engine.ContainerInspect(s.Context(), name)
		s.must(err)
		if c.Config.Image != s.product.fixed || c.HostConfig.RestartPolicy.Name != "unless-stopped" {
			s.Errorf("%s runs %s, restart policy %q", name, c.Config.Image, c.HostConfig.RestartPolicy.Name)
		}
		if _, old, _ := strings.Cut(s.product.old, ":"); slices.Contains(c.Config.Env, "GATEWAY_VERSION="+old) {
			s.Errorf("%s has the old image's environment: %v", name, c.Config.Env)
		}
	}
	return want
}

// successor is the container that takes the place of one in a rollout.
func successor(containerName, rollout string) string {
	base, _, _ := strings.Cut(containerName, ".") // it may itself have come by a rollout
	return base + "." + rollout
}

// joins reports whether the successor of a container is being taken into service.
func joins(j cutover.Journal, containerName string) bool {
	return inFlight(j, cutover.Member, successor(containerName, j.Plan.Spec.Rollout))
}

// isOld asserts that the fleet is the one that it was.
func (s *stack) isOld(before map[string]string) {
	s.Helper()
	s.isFleet(s.fleet)
	if after := s.ids(); !maps.Equal(after, before) {
		s.Errorf("containers: %v, before: %v", after, before)
	}
	for _, name := range s.fleet {
		c, err := s.engine.ContainerInspect(s.Context(), name)
		s.must(err)
		if c.HostConfig.RestartPolicy.Name != "unless-stopped" {
			s.Errorf("%s: restart policy %q", name, c.HostConfig.RestartPolicy.Name)
		}
	}
}

// isFleet asserts that just these containers are there, run, are registered, pass, and serve.
func (s *stack) isFleet(names []string) {
	s.Helper()
	names = slices.Sorted(slices.Values(names))
	states := s.containers()
	if got := slices.Sorted(maps.Keys(states)); !slices.Equal(got, names) {
		s.Errorf("containers: got %v, want %v", got, names)
	}
	var addresses []string
	for name, state := range states {
		if state != "running" {
			s.Errorf("%s is %s", name, state)
		}
		addresses = append(addresses, s.address(name))
	}
	instances, _, err := s.consul.Health().Service("api-gateway", "", true, nil)
	s.must(err)
	var registered []string
	for _, instance := range instances {
		registered = append(registered, instance.Service.Address)
	}
	slices.Sort(addresses)
	slices.Sort(registered)
	if !slices.Equal(addresses, registered) {
		s.Errorf("passing in Consul: %s, running: %s", strings.Join(registered, " "), strings.Join(addresses, " "))
	}
	services, err := s.consul.Agent().Services()
	s.must(err)
	if len(services) != len(names) {
		s.Errorf("%d registrations for %d containers: %v", len(services), len(names), services)
	}
	s.awaitServing(names...)
}
