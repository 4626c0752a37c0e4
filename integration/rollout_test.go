//go:build integration

package integration

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

func TestRollout(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	load := s.traffic()
	s.needsStandIn()
	old := s.watch(s.fleet...)
	got := s.cutover("apply", "--yes", "--report", "report.json")
	lastRequests := old.end()
	sent := load.end()
	if got.code != 0 {
		t.Fatalf("exit %d", got.code)
	}
	made := s.report()
	if made.Outcome != cutover.Done || made.Probe.Lost != 0 || made.Probe.Requests == 0 || len(made.Propagation) == 0 {
		t.Errorf("report: %+v", made)
	}
	t.Logf("overhead %.3f s, propagation %v ms", made.Overhead, made.Propagation)
	news := s.isNew(made.Rollout)
	t.Run("everything that was served is counted", func(*testing.T) {
		s.hasCounted(int64(sent.Requests)+made.Probe.Requests+s.asked, news...)
	})
	t.Run("old containers served their last request before they were drained", func(t *testing.T) {
		for _, entry := range s.journal().History {
			name := entry.Step.Targets[0]
			if entry.Step.Kind != cutover.Member || entry.Step.To != cutover.Drained || !slices.Contains(s.fleet, name) {
				continue
			}
			last, seen := lastRequests[name]
			if !seen || last.After(entry.Ended) {
				t.Errorf("%s: drained %s, last request %s", name, entry.Ended, last)
			}
		}
	})
	t.Run("the registration was adopted", func(t *testing.T) {
		services, err := s.consul.Agent().Services()
		s.must(err)
		for id, service := range services {
			if service.Meta["owner"] != "integration" || !slices.Contains(service.Tags, "blue") || service.Weights.Passing != 10 {
				t.Errorf("%s: %+v", id, service)
			}
		}
	})
	t.Run("a second apply finds nothing to do", func(t *testing.T) {
		again := s.cutover("apply", "--yes", "--report", "report.json")
		if again.code != 0 || s.report().Outcome != cutover.NothingToDo {
			t.Errorf("exit %d, outcome %s", again.code, s.report().Outcome)
		}
		s.isNew(made.Rollout)
	})
}

func TestNewImageThatNeverBecomesReady(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, config: func(c config) {
		c.setEnv("GATEWAY_FAULT", "never-ready")
		c.timeout("start", "5s")
	}})
	before := s.ids()
	load := s.traffic()
	got := s.cutover("apply", "--yes", "--report", "report.json")
	load.end()
	if got.code != 2 || !strings.Contains(got.stdout, "health 500") {
		t.Errorf("exit %d", got.code)
	}
	if made := s.report(); made.Outcome != cutover.RolledBack || made.Probe.Lost != 0 {
		t.Errorf("report: %+v", made)
	}
	s.isOld(before)
}

func TestKilledAndResumed(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{})
	s.needsStandIn()
	load := s.traffic()
	run := s.begin("apply", "--yes")
	s.killAtStep(run, func(j cutover.Journal) bool { return inFlight(j, cutover.Workload, s.fleet[1]) })
	if status := s.cutover("status"); !strings.Contains(status.stdout, "NOT FINISHED") {
		t.Errorf("status: %s", status.stdout)
	}
	if again := s.cutover("apply", "--yes"); again.code != 1 || !strings.Contains(again.stderr, "cutover resume") {
		t.Errorf("apply over an unfinished rollout: exit %d: %s", again.code, again.stderr)
	}
	s.config["driver"] = config{"kind": "none"}
	s.writeConfig()
	if other := s.cutover("resume", "--yes"); other.code != 1 || !strings.Contains(other.stderr, "driver.kind") {
		t.Errorf("resume with another driver: exit %d: %s", other.code, other.stderr)
	}
	s.config = s.newConfig()
	s.writeConfig()
	got := s.cutover("resume", "--yes", "--report", "report.json")
	sent := load.end()
	if got.code != 0 {
		t.Fatalf("exit %d", got.code)
	}
	made := s.report()
	news := s.isNew(made.Rollout)
	if made.Probe.Lost != 0 {
		t.Errorf("probe: %+v", made.Probe)
	}
	// What the killed process's probe sent was served too, but nobody knows how much that was.
	if counted := s.counted(news...); counted.Transactions < int64(sent.Requests)+made.Probe.Requests {
		t.Errorf("served at least %d, counted %+v", sent.Requests, counted)
	}
}

func TestRollbackAfterHalfTheFleet(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2})
	before := s.ids()
	s.needsStandIn()
	load := s.traffic()
	run := s.begin("apply", "--yes")
	s.killAtStep(run, func(j cutover.Journal) bool { return j.Cursor >= 12 && inFlight(j, cutover.Member, s.fleet[1]) })
	if len(s.containers()) < 3 || s.containers()[s.fleet[0]] != "exited" {
		t.Errorf("the first node has not been replaced: %v", s.containers())
	}
	got := s.cutover("rollback", "--yes", "--report", "report.json")
	sent := load.end()
	if got.code != 0 {
		t.Fatalf("exit %d", got.code)
	}
	made := s.report()
	if made.Outcome != cutover.RolledBack || made.Probe.Lost != 0 {
		t.Errorf("report: %+v", made)
	}
	s.isOld(before)
	if counted := s.counted(s.fleet...); counted.Transactions < int64(sent.Requests)+made.Probe.Requests {
		t.Errorf("served at least %d, counted %+v", sent.Requests, counted)
	}
}

func TestAbortFromAnotherTerminal(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2})
	before := s.ids()
	load := s.traffic()
	run := s.begin("apply", "--yes")
	s.await(time.Minute, "the first drain", func() bool { return inFlight(s.journal(), cutover.Member, s.fleet[0]) })
	status := s.cutover("status")
	if !strings.Contains(status.stdout, "running") {
		t.Errorf("status: %s", status.stdout)
	}
	if second := s.cutover("apply", "--yes"); second.code != 4 {
		t.Errorf("a second apply: exit %d", second.code)
	}
	if asked := s.cutover("abort"); asked.code != 0 {
		t.Errorf("abort: exit %d", asked.code)
	}
	got := s.finish(run)
	load.end()
	if got.code != 2 || !strings.Contains(got.stdout, "aborted by") {
		t.Errorf("exit %d", got.code)
	}
	s.isOld(before)
}

// inFlight reports whether a journal's last entry is a step of that kind for that target.
func inFlight(j cutover.Journal, kind cutover.Kind, target string) bool {
	if len(j.History) == 0 {
		return false
	}
	step := j.History[len(j.History)-1].Step
	return step.Kind == kind && slices.Contains(step.Targets, target)
}
