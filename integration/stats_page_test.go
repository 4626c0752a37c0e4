//go:build integration

package integration

import (
	"strings"
	"testing"
)

// Of one load balancer nothing can be reached but its stats page. The members' own connections make up for it.
func TestRolloutBehindAStatsPage(t *testing.T) {
	t.Setenv("STATS_TEST_PASSWORD", "stats") // as compose/haproxy has it
	var page config
	s := newStack(t, options{config: func(c config) {
		page = c["load_balancers"].([]config)[1]
		delete(page, "master")
		page["user"], page["password_env"] = "ops", "STATS_TEST_PASSWORD"
		page["settle"] = "2s"
	}})
	page["stats"] = "http://" + s.address(s.name+"-lb-2") + ":8404/stats;csv"
	s.writeConfig()
	t.Setenv("STATS_TEST_PASSWORD", "wr0ng")
	if got := s.cutover("check"); got.code != 1 || !strings.Contains(got.stdout, "answers 401") || strings.Contains(got.stdout, "wr0ng") {
		t.Errorf("with another password: exit %d", got.code)
	}
	t.Setenv("STATS_TEST_PASSWORD", "stats")
	load := s.traffic()
	got := s.cutover("apply", "--yes", "--report", "report.json")
	load.end()
	if got.code != 0 || s.report().Probe.Lost != 0 {
		t.Fatalf("exit %d, %+v", got.code, s.report().Probe)
	}
	s.isNew(s.report().Rollout)
}
