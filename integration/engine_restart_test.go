//go:build integration

package integration

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// The fleet's engine is restarted in the middle of a rollout: with its containers going on meanwhile, and with all of them.
func TestEngineRestartedInARollout(t *testing.T) {
	e := newHost(t)
	s := newStack(t, options{nodes: -1})
	s.needsStandIn()
	e.configure(`{"live-restore": true}`)
	e.start()
	s.moveTo(e, 2)
	s.part("its containers go on", func() { s.engineAlone(e) })
	e.configure(`{"live-restore": false}`)
	s.must(e.daemon.Process.Signal(syscall.SIGHUP))
	s.await(20*time.Second, "the engine to know that its containers end with it", func() bool {
		info, err := e.Info(s.Context())
		return err == nil && !info.LiveRestoreEnabled
	})
	docker := s.newRelay(func() (string, error) { return strings.TrimPrefix(e.address, "unix://"), nil })
	s.config["hosts"].([]config)[0]["docker"] = "tcp://" + docker.address()
	s.writeConfig()
	s.part("its containers end with it", func() { s.engineWithAll(e, docker) })
}

func (s *stack) engineAlone(e *engine) {
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the first drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	e.end(syscall.SIGTERM)
	e.start()
	got := s.finish(run)
	load.end()
	s.replaced(got)
}

// engineWithAll ends everything that serves, and it comes back by its restart policy, at other addresses. Requests are
// lost until the fleet is found and serves again; then it is as it was. While the engine ends nobody can ask it for
// anything: one of version 20.10 that is asked to start a container then may not be able to start it ever again.
func (s *stack) engineWithAll(e *engine, docker *relay) {
	before := s.ids()
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the first drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	began := time.Now()
	docker.sever(true)
	e.end(syscall.SIGTERM)
	e.start()
	docker.sever(false)
	got := s.finish(run)
	if s.report().Probe.Lost == 0 {
		s.Errorf("nobody served, and the report says that nothing was lost")
	}
	if got.code == cutover.Stuck.ExitCode() {
		if !strings.Contains(got.stdout, s.fleet[0]) && !strings.Contains(got.stdout, s.fleet[1]) {
			s.Errorf("what is missing is not named")
		}
		got = s.cutover("resume", "--yes", "--report", "report.json")
	}
	load.endBetween(began, time.Now())
	s.wentBack(got, before)
}
