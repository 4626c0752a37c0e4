package cutover_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// A new container that joined and then failed is noticed before the next old one leaves, and goes back although it is
// gone already.
func TestNewMemberThatFallsOut(t *testing.T) {
	for _, soak := range []time.Duration{0, 5 * time.Second} {
		m := newModel(t, 3, func(s *cutover.Spec) { s.Strategy.Soak = soak })
		m.world.MinServing = 2 // it is not the run that takes this one out
		m.runner.Interrupts = func() int {
			if m.world.State(cutover.Container, "gw-1") == cutover.Stopped && m.world.State(cutover.Container, "gw-1.7f3a") == cutover.Healthy {
				m.world.Break(cutover.Member, "gw-1.7f3a", cutover.Out)
				m.world.Break(cutover.Container, "gw-1.7f3a", cutover.Stopped)
			}
			return 0
		}
		m.ended(m.apply(), cutover.RolledBack)
		if drained := slices.Index(m.world.Requests, "member gw-2 drained"); drained >= 0 {
			t.Errorf("the next one left although a new one had failed")
		}
		m.runner.Interrupts = nil
		m.world.Violations = nil // data of the crashed container is lost, whatever is done
		m.isOld()
	}
}

// Until the first removal is asked for there is a way back; a process that resumes can't know that none was.
func TestNoWayBackOnceARemovalMayHaveBeenAsked(t *testing.T) {
	removal := "container gw-1 absent"
	for _, crashed := range []bool{false, true} {
		m := newModel(t, 2, nil)
		if crashed {
			m.world.After = func(request string) {
				if request == removal {
					panic(killed)
				}
			}
			if !m.crash(func() { m.apply() }) {
				t.Fatal("it was not killed")
			}
		}
		m.runner.Interrupts = func() int {
			if m.store.Journal().Cursor == len(m.plan.Steps)-1 && m.store.Journal().Direction != cutover.Back {
				return 1
			}
			return 0
		}
		journal := m.resume(false)
		if crashed {
			m.ended(journal, cutover.Done)
			m.isNew()
			continue
		}
		m.ended(journal, cutover.RolledBack)
		m.isOld()
	}
}

func TestRollbackIsNeverRolledBack(t *testing.T) {
	m := newModel(t, 2, nil)
	m.world.Delay = func(request string) time.Duration {
		if request == "container gw-2.7f3a healthy" || request == "member gw-1 serving" {
			return 1000 * time.Hour
		}
		return 0
	}
	journal := m.apply()
	m.ended(journal, cutover.Stuck)
	if !strings.Contains(journal.Reason, "gw-1") {
		t.Errorf("the reason does not say where it is stuck: %q", journal.Reason)
	}
	m.world.Delay = nil
	m.ended(m.resume(false), cutover.RolledBack)
	m.isOld()
}

// Each step of the way back can fail as well: then the run is stuck at it, and resume goes on from there.
func TestWayBackThatFailsIsStuckAndGoesOn(t *testing.T) {
	whole := newModel(t, 2, nil)
	whole.failsLate()
	for i, step := range whole.apply().Steps() {
		if step.Watches() || (step.Kind == cutover.Workload && step.To == cutover.Active) {
			continue // starting the container has done it already
		}
		m := newModel(t, 2, nil)
		m.world.Delay = func(request string) time.Duration {
			late := request == "workload gw-2 quiesced" || (request == requestOf(step) && m.store.Journal().Direction == cutover.Back)
			if late {
				return 1000 * time.Hour
			}
			return 0
		}
		journal := m.apply()
		if step.OnTimeout != cutover.Warn {
			m.ended(journal, cutover.Stuck)
			if journal.Cursor != i {
				t.Errorf("stuck at %d, not at %d (%s)", journal.Cursor, i, step)
			}
			m.world.Delay = nil
			journal = m.resume(false)
		}
		m.ended(journal, cutover.RolledBack)
		if step.OnTimeout == cutover.Warn {
			m.world.Violations = nil // it was not flushed, and that was said
		}
		m.isOld()
	}
}

func TestLostLockOnTheWayBack(t *testing.T) {
	whole := newModel(t, 2, nil)
	whole.failsLate()
	whole.apply()
	for at := range len(whole.world.Requests) {
		m := newModel(t, 2, nil)
		m.failsLate()
		m.world.After = func(string) { m.store.LostNow = len(m.world.Requests) > at }
		m.ended(m.apply(), cutover.LockTrouble)
		if got := len(m.world.Requests); got != at+1 {
			t.Fatalf("lock lost after request %d, but %d were made", at+1, got)
		}
		m.store.LostNow, m.world.Delay = false, nil
		m.isWhole(m.resume(at%2 == 0))
	}
}

// A state that comes and goes on the way back does not end a step before it has come.
func TestFlappingOnTheWayBack(t *testing.T) {
	m := newModel(t, 2, nil)
	m.failsLate()
	m.world.Lie = func(look int) (cutover.Observation, bool) {
		return cutover.Observation{Detail: "engine red"}, (look/4)%3 != 0 && m.store.Journal().Direction == cutover.Back
	}
	m.ended(m.apply(), cutover.RolledBack)
	m.isOld()
}

// What a new container counted while it served is flushed on the way back; where it can't be, the way back goes on.
func TestWayBackFlushesNewContainers(t *testing.T) {
	m := newModel(t, 1, nil)
	m.world.Delay = func(request string) time.Duration {
		if request == "member gw-1 drained" || request == "workload gw-1.7f3a quiesced" {
			return 1000 * time.Hour
		}
		return 0
	}
	journal := m.apply()
	m.ended(journal, cutover.RolledBack)
	if len(journal.Warnings) != 1 || !strings.Contains(journal.Warnings[0], "gw-1.7f3a") {
		t.Errorf("warnings: %q", journal.Warnings)
	}
}

// A request that failed is made again although its target is further back already: it crashed and was started again, but
// what it was asked before may still land in this life. Left out here, it would be asked when it serves.
func TestFailedRequestOfAWayBackIsMadeAgain(t *testing.T) {
	m := newModel(t, 2, func(s *cutover.Spec) { s.Ladder = []cutover.State{cutover.Active, cutover.Frozen, cutover.Quiesced} })
	m.world.Delay = func(request string) time.Duration {
		if request == "workload gw-1 quiesced" {
			m.world.Break(cutover.Workload, "gw-1", cutover.Active)
			return 1000 * time.Hour
		}
		return 0
	}
	asked := 0
	m.world.SetError = func(request string) error {
		if request != "workload gw-1 frozen" || m.store.Journal().Direction != cutover.Back {
			return nil
		}
		if asked++; asked == 1 {
			return errors.New("connection refused")
		}
		return nil
	}
	m.apply()
	if asked < 2 {
		t.Errorf("it was asked %d times, the first time in vain", asked)
	}
}

// The way back ends only when the whole fleet serves, the nodes that no step had moved too.
func TestWayBackLooksAtTheWholeFleet(t *testing.T) {
	m := newModel(t, 3, nil)
	m.world.MinServing = 2 // it is not the run that takes this one out
	m.world.Delay = func(request string) time.Duration {
		if request == "workload gw-1 quiesced" {
			m.world.Break(cutover.Member, "gw-3", cutover.Out)
			return 1000 * time.Hour
		}
		return 0
	}
	m.ended(m.apply(), cutover.RolledBack)
	m.isOld()
}

// A container that dies on the way back, after the step that started it, has no step of its own any more: resume starts it.
func TestResumedWayBackMendsWhatDied(t *testing.T) {
	m := newModel(t, 2, nil)
	m.failsLate()
	died := false
	m.world.Before = func(request string) {
		if !died && request == "member gw-1 drained" && m.store.Journal().Direction == cutover.Back {
			died = true
			m.world.Break(cutover.Container, "gw-1", cutover.Stopped)
		}
	}
	m.ended(m.apply(), cutover.Stuck)
	m.world.Delay = nil
	m.ended(m.resume(false), cutover.RolledBack)
	m.isOld()
}

// What should serve and does not is mended before anything that serves is taken out: an engine that was restarted has
// given its containers other addresses, and too few others would serve.
func TestWayBackMendsBeforeItTakesOut(t *testing.T) {
	m := newModel(t, 3, nil)
	m.world.MinServing = 2 // it is not the run that takes this one out
	m.world.Delay = func(request string) time.Duration {
		if request == "workload gw-1 quiesced" {
			m.world.Break(cutover.Member, "gw-3", cutover.Out)
			return 1000 * time.Hour
		}
		return 0
	}
	m.ended(m.apply(), cutover.RolledBack)
	mended, takenOut := slices.Index(m.world.Requests, "member gw-3 serving"), slices.Index(m.world.Requests, "member gw-1.7f3a drained")
	if takenOut = slices.Index(m.world.Requests[takenOut+1:], "member gw-1.7f3a drained") + takenOut + 1; mended < 0 || mended > takenOut {
		t.Errorf("request %d mends gw-3, request %d takes gw-1.7f3a out", mended, takenOut)
	}
	m.isOld()
}

func TestOneSignalDoesNotStopTheWayBack(t *testing.T) {
	m := newModel(t, 2, nil)
	m.failsLate()
	m.runner.Interrupts = func() int {
		if m.store.Journal().Direction == cutover.Back {
			return 1
		}
		return 0
	}
	m.ended(m.apply(), cutover.RolledBack)
	m.isOld()
}
