//go:build integration

package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/cutover/cutover/cutover"
)

// One load balancer of two is restarted, or can't be reached by the controller while it goes on serving and following
// Consul. Clients that find one of them gone go to the other, and none of their requests is lost.
func TestLoadBalancerAway(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, relayed: true, config: func(c config) {
		c.timeout("join", "8s")
	}})
	s.oneFront()
	s.part("restarted", s.restartedInARollout)
	s.part("cut off for a while", s.cutOffForAWhile)
	s.part("cut off before", s.cutOffBefore)
	s.part("cut off for good", s.cutOffForGood)
}

// part is a sub-test on a stack that the next one uses too, so a failure is the end.
func (s *stack) part(name string, do func()) {
	s.Helper()
	whole := s.T
	defer func() { s.T = whole }()
	if !whole.Run(name, func(t *testing.T) { s.T = t; do() }) {
		whole.FailNow()
	}
}

// replaced asserts that a rollout has replaced the fleet, and prepares the next one, to the image that it had.
func (s *stack) replaced(got result) {
	s.Helper()
	if got.code != 0 || s.report().Probe.Lost != 0 {
		s.Errorf("exit %d, lost %d", got.code, s.report().Probe.Lost)
	}
	s.fleet = s.isNew(s.report().Rollout)
	s.product.old, s.product.fixed = s.product.fixed, s.product.old
	s.config["image"].(config)["ref"] = s.product.fixed
	s.writeConfig()
}

// restartedInARollout restarts a load balancer while the first node is drained, which ends the hold on it, and again while
// the second node's replacement joins.
func (s *stack) restartedInARollout() {
	load, pool := s.traffic(), s.poolOf(200)
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the first drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	s.restart("lb-2")
	s.await(time.Minute, "the second join", func() bool { return joins(s.journal(), s.fleet[1]) })
	s.restart("lb-2")
	got := s.finish(run)
	load.end()
	pool.end()
	s.replaced(got)
}

// restart ends a container as docker restart does; requests of three seconds have the time to end.
func (s *stack) restart(name string) {
	s.Helper()
	within := 5
	s.must(s.engine.ContainerRestart(s.Context(), s.name+"-"+name, container.StopOptions{Timeout: &within}))
}

func (s *stack) cutOffForAWhile() {
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the first drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	s.severs(true, "lb-2:9999", "lb-2:9998")
	s.await(20*time.Second, "a look that fails", func() bool {
		return strings.Contains(run.stdout.String(), "lb-2") && strings.Contains(run.stdout.String(), "not observed")
	})
	s.severs(false, "lb-2:9999", "lb-2:9998")
	got := s.finish(run)
	load.end()
	s.replaced(got)
}

// cutOffBefore: nothing is touched, until the operator leaves it out. It follows Consul by itself.
func (s *stack) cutOffBefore() {
	before := s.ids()
	load := s.traffic()
	s.severs(true, "lb-2:9999", "lb-2:9998")
	if got := s.cutover("apply", "--yes"); got.code != 1 || !strings.Contains(got.stderr, "lb-2") {
		s.Errorf("exit %d", got.code)
	}
	s.isOld(before)
	got := s.cutover("apply", "--yes", "--without", "lb-2", "--report", "report.json")
	load.end()
	s.replaced(got)
	s.severs(false, "lb-2:9999", "lb-2:9998")
}

// cutOffForGood: what can't be looked into is never agreement, so going back is stuck until it is left out.
func (s *stack) cutOffForGood() {
	before := s.ids()
	s.config["strategy"].(config)["drain"].(config)["timeout"] = "5s"
	s.writeConfig()
	load := s.traffic()
	run := s.begin("apply", "--yes")
	s.await(time.Minute, "the first drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	s.severs(true, "lb-2:9999", "lb-2:9998")
	if got := s.finish(run); got.code != cutover.Stuck.ExitCode() || !strings.Contains(got.stdout, "lb-2") {
		s.Errorf("exit %d", got.code)
	}
	got := s.cutover("rollback", "--without", "lb-2", "--yes", "--report", "report.json")
	load.end()
	if got.code != 0 || s.report().Probe.Lost != 0 {
		s.Errorf("exit %d", got.code)
	}
	s.isOld(before)
}
