//go:build integration

package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// A whole rollout with nginx as the second load balancer. It closes idle connections of clients at each reload: the
// requests that meet that are counted apart, and that the gateways have counted all others, and no more, shows that none of
// those was carried out.
func TestRolloutBehindNginx(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nginx: true})
	s.needsStandIn()
	load := s.traffic()
	got := s.cutover("apply", "--yes", "--report", "report.json")
	sent := load.end()
	if got.code != 0 || !strings.Contains(got.stdout, "lb-2 is nginx, which closes idle connections") {
		t.Fatalf("exit %d", got.code)
	}
	made := s.report()
	if made.Outcome != cutover.Done || made.Probe.Lost != 0 || len(made.Propagation) == 0 {
		t.Errorf("report: %+v", made)
	}
	t.Logf("overhead %.3f s, propagation %v ms", made.Overhead, made.Propagation)
	s.hasCounted(int64(sent.Requests-sent.Resets)+made.Probe.Requests+s.asked, s.isNew(made.Rollout)...)
}

// Ten reloads while a node is drained: the workers of all of them are waited for. The workload is busy enough for some of
// its requests to meet the end of their idle connection.
func TestNginxReloadsInADrain(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, nginx: true, rate: 600})
	s.needsStandIn()
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the first drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	s.inLB2("cd /run/nginx && for i in 1 2 3 4 5; do rm -f settled && reload.sh && flock lock nginx -s reload || exit 1; done")
	got := s.finish(run)
	sent := load.end()
	if got.code != 0 || s.report().Probe.Lost != 0 {
		t.Fatalf("exit %d", got.code)
	}
	s.hasCounted(int64(sent.Requests-sent.Resets)+s.report().Probe.Requests+s.asked, s.isNew(s.report().Rollout)...)
}

// The new file is on the disk, `nginx -s reload` says that all is well, and the workers of before go on.
func TestNginxThatDoesNotReload(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, nginx: true, config: func(c config) { c.timeout("join", "20s") }})
	before := s.ids()
	s.inLB2(`mv /usr/sbin/nginx /usr/sbin/nginx.real && printf '#!/bin/sh\ncase "$*" in *reload*) exit 0 ;; esac\nexec nginx.real "$@"\n' >/usr/sbin/nginx && chmod +x /usr/sbin/nginx`)
	load := s.traffic()
	got := s.cutover("apply", "--yes", "--report", "report.json")
	load.end()
	if reason := s.report().Reason; got.code != 2 || !strings.Contains(reason, "lb-2") {
		t.Errorf("exit %d: %s", got.code, reason)
	}
	if s.report().Probe.Lost != 0 {
		t.Errorf("probe: %+v", s.report().Probe)
	}
	s.isOld(before)
}

// An nginx that is gone is never agreement: the run goes back, and is stuck for as long as it is asked.
func TestDeadNginxIsLeftOut(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, nginx: true, config: func(c config) {
		delete(c, "probe")
		c.timeout("join", "6s")
		c.strategy("drain", config{"timeout": "6s"})
	}})
	before := s.ids()
	run := s.begin("apply", "--yes")
	s.await(time.Minute, "the first drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	s.must(s.engine.ContainerKill(t.Context(), s.name+"-lb-2", "SIGKILL"))
	if got := s.finish(run); got.code != 3 || !strings.Contains(got.stdout, "lb-2") {
		t.Errorf("exit %d", got.code)
	}
	got := s.cutover("rollback", "--without", "lb-2", "--yes", "--report", "report.json")
	if got.code != 0 || !strings.Contains(got.stdout, "NOT ASKED for their agreement: lb-2") {
		t.Errorf("exit %d", got.code)
	}
	s.fronts = s.fronts[:1]
	s.isOld(before)
}
