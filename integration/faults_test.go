//go:build integration

package integration

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// A stop can't be taken back: going back while the old container stops means waiting for its end, and starting it.
func TestAbortWhileTheOldContainerStops(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, env: map[string]string{"GATEWAY_STOP_TIME": "4s"}})
	before := s.ids()
	load := s.traffic()
	run := s.begin("apply", "--yes")
	s.await(time.Minute, "the first stop", func() bool { return inFlight(s.journal(), cutover.Container, s.fleet[0]) })
	if asked := s.cutover("abort"); asked.code != 0 {
		t.Errorf("abort: exit %d", asked.code)
	}
	got := s.finish(run)
	load.end()
	if got.code != 2 {
		t.Errorf("exit %d", got.code)
	}
	s.isOld(before)
}

// An image can look well and fail a few seconds later: the hold, the watch before each drain, and the soak are for that.
func TestNewImageThatFailsAfterItJoined(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, config: func(c config) {
		c.setEnv("GATEWAY_FAULT", "unhealthy-after=6s")
		c.strategy("soak", "15s")
		c.timeout("join", "15s")
	}})
	before := s.ids()
	load := s.traffic()
	got := s.cutover("apply", "--yes", "--report", "report.json")
	load.end()
	if got.code != 2 || s.report().Outcome != cutover.RolledBack || s.report().Probe.Lost != 0 {
		t.Errorf("exit %d", got.code)
	}
	if reason := s.report().Reason; !strings.Contains(reason, "still serving") && !strings.Contains(reason, "soak") {
		t.Errorf("it was not the watch that noticed: %s", reason)
	}
	s.isOld(before)
}

// A new image whose process ends is noticed at once, not when the time is over.
func TestNewImageThatCrashes(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 1, config: func(c config) {
		c.setEnv("GATEWAY_FAULT", "crash-at-start")
		c.timeout("start", "2m")
	}})
	before := s.ids()
	began := time.Now()
	got := s.cutover("apply", "--yes")
	if got.code != 2 || !strings.Contains(got.stdout, "docker logs") {
		t.Errorf("exit %d", got.code)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s to see that the container crashes", took)
	}
	s.isOld(before)
}

// A gateway that dies while it flushes has lost data: that is said, and it comes back.
func TestOldGatewayThatDiesInItsFlush(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, env: map[string]string{"GATEWAY_FAULT": "crash-in-flush"}, config: func(c config) {
		c.unsetEnv("GATEWAY_FAULT")
	}})
	before := s.ids()
	load := s.traffic()
	got := s.cutover("apply", "--yes")
	load.end()
	if got.code != 2 || !strings.Contains(got.stdout, "may be lost") {
		t.Errorf("exit %d", got.code)
	}
	s.isOld(before)
}

// The promise is that nothing is lost: the first lost request turns the run round.
func TestLostRequestTurnsTheRunRound(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer front.Close()
	s := newStack(t, options{nodes: 2, config: func(c config) {
		c["probe"] = config{"requests": []config{{"url": front.URL, "rate": 20, "expect": 200}}, "warm_up": "1s"}
	}})
	before := s.ids()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the first drain", func() bool { return inFlight(s.journal(), cutover.Member, s.fleet[0]) })
	broken.Store(true)
	if got := s.finish(run); got.code != 2 || !strings.Contains(got.stdout, "status 502") {
		t.Errorf("exit %d", got.code)
	}
	if made := s.report(); made.Outcome != cutover.RolledBack || made.Probe.Lost == 0 || made.Probe.Losses[0].Step == "" {
		t.Errorf("report: %+v", made)
	}
	s.isOld(before)
}

// A plan is saved, read, and carried out; not when anything has changed since.
func TestSavedPlan(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 1})
	if got := s.cutover("plan", "--out", "plan.json"); got.code != 0 {
		t.Fatalf("plan: exit %d", got.code)
	}
	s.config["strategy"].(config)["hold"] = "400ms"
	s.writeConfig()
	if got := s.cutover("apply", "plan.json", "--yes"); got.code != 1 || !strings.Contains(got.stderr, "plan again") {
		t.Errorf("with another configuration: exit %d", got.code)
	}
	s.config["strategy"].(config)["hold"] = "300ms"
	s.writeConfig()
	got := s.cutover("apply", "plan.json", "--without", "lb-2", "--yes", "--report", "report.json")
	if got.code != 0 || !strings.Contains(got.stdout, "lb-2 NOT ASKED") || len(s.report().Without) != 1 {
		t.Errorf("apply: exit %d", got.code)
	}
	s.isNew(s.report().Rollout)
	if got := s.cutover("apply", "plan.json", "--yes"); got.code != 1 {
		t.Errorf("a second time: exit %d", got.code)
	}
}

// A load balancer that can't be read is never agreement: the run goes back, and is stuck for as long as it is asked.
func TestDeadLoadBalancerIsLeftOut(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, config: func(c config) {
		delete(c, "probe")
		c.timeout("join", "6s")
		c.strategy("drain", config{"timeout": "6s"})
	}})
	before := s.ids()
	run := s.begin("apply", "--yes")
	s.await(time.Minute, "the first drain", func() bool { return inFlight(s.journal(), cutover.Member, s.fleet[0]) })
	s.must(s.engine.ContainerPause(t.Context(), s.name+"-lb-2"))
	if got := s.finish(run); got.code != 3 || !strings.Contains(got.stdout, "lb-2") {
		t.Errorf("exit %d", got.code)
	}
	got := s.cutover("rollback", "--without", "lb-2", "--yes", "--report", "report.json")
	if got.code != 0 || !strings.Contains(got.stdout, "NOT ASKED for their agreement: lb-2") || len(s.report().Without) != 1 {
		t.Errorf("exit %d", got.code)
	}
	s.must(s.engine.ContainerUnpause(t.Context(), s.name+"-lb-2"))
	s.isOld(before)
}
