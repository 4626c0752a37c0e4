//go:build integration

package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// Consul in the middle of a rollout: the agent restarted, slow, and without a leader, for a while and for longer than a step
// may take. No request is lost by that. Without a leader from the beginning nothing is touched.
func TestConsulInTrouble(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, relayed: true, servers: 3, config: func(c config) { c.timeout("join", "20s") }})
	s.part("restarted", s.consulRestarted)
	s.part("slow", s.consulSlow)
	s.part("no leader for a while", s.noLeaderForAWhile)
	s.part("no leader before", s.noLeaderBefore)
	s.part("no leader for long", s.noLeaderForLong)
}

// consulRestarted: an agent that starts takes every check to be critical until it has looked.
func (s *stack) consulRestarted() {
	load, pool := s.traffic(), s.poolOf(200)
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the first drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	s.restart("consul")
	got := s.finish(run)
	load.end()
	pool.end()
	s.replaced(got)
}

func (s *stack) consulSlow() {
	load := s.traffic()
	s.relays["consul:8500"].slow(300 * time.Millisecond)
	got := s.cutover("apply", "--yes", "--report", "report.json")
	s.relays["consul:8500"].slow(0)
	load.end()
	s.replaced(got)
}

// leaderless holds most of Consul's servers, and returns once the agent has no leader.
func (s *stack) leaderless() {
	s.Helper()
	for _, name := range []string{"consul-2", "consul-3"} {
		s.must(s.engine.ContainerPause(s.Context(), s.name+"-"+name))
	}
	s.awaitLeader(false)
}

func (s *stack) led() {
	s.Helper()
	for _, name := range []string{"consul-2", "consul-3"} {
		s.must(s.engine.ContainerUnpause(s.Context(), s.name+"-"+name))
	}
	s.awaitLeader(true)
}

func (s *stack) noLeaderForAWhile() {
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the new container", func() bool { return len(s.containers()) == 3 })
	s.leaderless()
	s.await(30*time.Second, "the join, which nobody follows", func() bool {
		said := run.stdout.String() // without a leader an agent does not even tell its own services
		return strings.Contains(said, "no answer within") || strings.Contains(said, "not there yet")
	})
	s.led()
	got := s.finish(run)
	load.end()
	s.replaced(got)
}

func (s *stack) noLeaderBefore() {
	before := s.ids()
	load := s.traffic()
	s.leaderless()
	got := s.cutover("apply", "--yes")
	s.led()
	load.end()
	if got.code != 1 || !strings.Contains(got.stderr, "no leader at Consul") {
		s.Errorf("exit %d", got.code)
	}
	s.isOld(before)
}

// noLeaderForLong: what joined can't leave again either, so the way back is stuck, with all of them serving, until there is
// a leader.
func (s *stack) noLeaderForLong() {
	before := s.ids()
	s.config["strategy"].(config)["drain"].(config)["timeout"] = "5s"
	s.config.timeout("join", "8s")
	s.writeConfig()
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the join", func() bool { return joins(s.journal(), s.fleet[0]) })
	s.leaderless()
	if got := s.finish(run); got.code != cutover.Stuck.ExitCode() || s.report().Probe.Lost != 0 {
		s.Errorf("exit %d", got.code)
	}
	s.led()
	got := s.cutover("resume", "--yes", "--report", "report.json")
	load.end()
	if got.code != cutover.RolledBack.ExitCode() || s.report().Probe.Lost != 0 {
		s.Errorf("exit %d", got.code)
	}
	s.isOld(before)
}
