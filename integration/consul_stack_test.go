//go:build integration

package integration

import (
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"
)

// startConsul starts the agent that the fleet is registered with: one for development, which forgets everything when it
// ends, or the first of several servers, which do not.
func (s *stack) startConsul(service composeService, servers int) {
	s.Helper()
	names := []string{"consul"}
	for i := 2; i <= servers; i++ {
		names = append(names, fmt.Sprintf("consul-%d", i))
	}
	if servers > 0 {
		service.Command = []string{
			"agent", "-server", fmt.Sprintf("-bootstrap-expect=%d", servers), "-data-dir=/tmp/consul", "-client=0.0.0.0", "-log-level=warn",
			"-retry-interval=1s", "-hcl=disable_update_check = true",
			"-hcl=performance { raft_multiplier = 1 }",
		}
		for _, name := range names[1:] {
			service.Command = append(service.Command, "-retry-join="+name)
		}
	}
	for _, name := range names {
		s.start(name, service, name)
	}
	var err error
	s.consul, err = api.NewClient(&api.Config{Address: s.ports["consul:8500"]})
	s.must(err)
	s.awaitLeader(true)
}

// awaitLeader waits until Consul's first server knows a leader, or none.
func (s *stack) awaitLeader(wanted bool) {
	s.Helper()
	s.await(30*time.Second, fmt.Sprintf("Consul's leader: %v", wanted), func() bool {
		leader, err := s.consul.Status().Leader()
		return (err == nil && leader != "") == wanted
	})
}
