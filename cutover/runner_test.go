package cutover_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

func TestRunReplacesTheFleet(t *testing.T) {
	for _, grouped := range []bool{false, true} {
		m := newModel(t, 5, func(s *cutover.Spec) {
			if grouped {
				s.Strategy.Start, s.Strategy.MaxSurge, s.Strategy.Shift = 3, 3, 2
			}
		})
		m.ended(m.apply(), cutover.Done)
		m.isNew()
	}
}

func TestSameInputsSameRun(t *testing.T) {
	run := func() ([]cutover.Event, []byte) {
		m := newModel(t, 3, nil)
		m.apply()
		return m.events, m.store.Stored
	}
	events, stored := run()
	events2, stored2 := run()
	if !reflect.DeepEqual(events, events2) || string(stored) != string(stored2) {
		t.Error("two runs of the same plan in the same world differ")
	}
}

func TestStepThatNeverArrivesTurnsTheRunRound(t *testing.T) {
	eachStep(t, func(m *model, step cutover.Step) {
		m.world.Delay = func(request string) time.Duration {
			if request == requestOf(step) {
				return 1000 * time.Hour
			}
			return 0
		}
		if step.OneWay {
			m.ended(m.apply(), cutover.Stuck)
			return
		}
		m.ended(m.apply(), cutover.RolledBack)
		m.isOld()
	})
}

// A node that Docker has restarted on its own is replaced all the same, but what it had counted before is gone, and that is said.
func TestNodeThatWasRestartedBeforeItsQuiesceIsTold(t *testing.T) {
	m := newModel(t, 2, nil)
	for i := range m.plan.World.Nodes {
		m.plan.World.Nodes[i].Life = "first"
	}
	m.runner.Locate = func(_ context.Context, target string) (cutover.Place, error) {
		return cutover.Place{Running: true, Life: map[string]string{"gw-1": "second"}[target] + "first"}, nil
	}
	journal := m.apply()
	m.ended(journal, cutover.Done)
	m.isNew()
	if len(journal.Warnings) != 1 || !strings.HasPrefix(journal.Warnings[0], "gw-1: it was restarted") {
		t.Errorf("warnings: %q", journal.Warnings)
	}
}

// A step of which no request can have had an effect is no reason to restart anything.
func TestRequestsWithoutEffectAreNotTakenToHaveBeenAsked(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		asked bool
	}{
		"refused":         {cutover.NoEffect(cutover.Permanent(errors.New("401"))), false},
		"refused for now": {cutover.NoEffect(errors.New("404")), false},
		"failed":          {cutover.Permanent(errors.New("500")), true},
	} {
		m := newModel(t, 2, nil)
		quiesce := m.plan.Steps[slices.IndexFunc(m.plan.Steps, func(s cutover.Step) bool { return s.Kind == cutover.Workload })]
		m.world.SetError = func(request string) error {
			if request == requestOf(quiesce) {
				return test.err
			}
			return nil
		}
		journal := m.apply()
		m.ended(journal, cutover.RolledBack)
		m.isOld()
		if asked := !journal.QuiescedAt(quiesce.Targets[0]).IsZero(); asked != test.asked {
			t.Errorf("%s: taken to have been asked: %t", name, asked)
		}
	}
}

func TestRefusedRequestTurnsTheRunRound(t *testing.T) {
	for _, permanent := range []bool{false, true} {
		eachStep(t, func(m *model, step cutover.Step) {
			m.world.SetError = func(request string) error {
				if request != requestOf(step) {
					return nil
				}
				if permanent {
					return cutover.Permanent(errors.New("401: wrong password"))
				}
				return errors.New("500: try again")
			}
			journal := m.apply()
			if step.OneWay {
				m.ended(journal, cutover.Stuck)
				return
			}
			m.ended(journal, cutover.RolledBack)
			m.isOld()
			if !strings.Contains(journal.Reason, ":") || !strings.Contains(journal.Reason, step.Targets[0]) {
				m.Errorf("the reason does not name the target: %q", journal.Reason)
			}
		})
	}
}

// An engine may carry out a request long after its caller has given up.
func TestEffectThatLandsLate(t *testing.T) {
	for _, late := range []time.Duration{0, 50 * time.Millisecond, 400 * time.Millisecond, 2 * time.Second, 10 * time.Second} {
		eachStep(t, func(m *model, step cutover.Step) {
			m.world.Delay = func(request string) time.Duration {
				if request == requestOf(step) {
					return step.Timeout + step.Hold + late
				}
				return 0
			}
			if step.OneWay {
				m.ended(m.apply(), cutover.Stuck)
				m.world.Delay = nil
				m.ended(m.resume(false), cutover.Done)
				m.isNew()
				return
			}
			m.ended(m.apply(), cutover.RolledBack)
			m.isOld()
		})
	}
}

func TestAbortAtEveryMoment(t *testing.T) {
	total := movesOf(newModel(t, 2, nil))
	for at := range total {
		for _, bySignal := range []bool{true, false} {
			m := newModel(t, 2, nil)
			m.runner.Interrupts = func() int {
				if m.world.Clock.Moves < at {
					return 0
				}
				if !bySignal {
					m.store.Request = &cutover.Request{What: cutover.RequestAbort, Who: "ops"}
					return 0
				}
				return 1
			}
			journal := m.apply()
			if journal.Outcome == cutover.Done && oneWayBegun(m) {
				m.isNew()
				continue
			}
			m.ended(journal, cutover.RolledBack)
			m.isOld()
		}
	}
}

func TestSecondSignalStopsAndResumeGoesOn(t *testing.T) {
	total := movesOf(newModel(t, 2, nil))
	for at := range total {
		m := newModel(t, 2, nil)
		m.runner.Interrupts = func() int {
			switch {
			case m.world.Clock.Moves < at:
				return 0
			case m.world.Clock.Moves < at+1:
				return 1
			default:
				return 2
			}
		}
		journal := m.apply()
		m.runner.Interrupts = nil
		if journal.Outcome == cutover.Interrupted {
			journal = m.resume(false)
		}
		m.isWhole(journal)
	}
}

func TestLostLockStopsAtOnce(t *testing.T) {
	whole := newModel(t, 2, nil)
	whole.apply()
	for at := range len(whole.world.Requests) {
		m := newModel(t, 2, nil)
		m.world.After = func(string) { m.store.LostNow = len(m.world.Requests) > at }
		journal := m.apply()
		m.ended(journal, cutover.LockTrouble)
		if got := len(m.world.Requests); got != at+1 {
			t.Errorf("lock lost after request %d, but %d were made", at+1, got)
		}
		if !m.store.Journal().Open() {
			t.Error("the stored journal can't be resumed")
		}
	}
}

func TestLostLockWhileWaiting(t *testing.T) {
	m := newModel(t, 2, nil)
	m.runner.Interrupts = func() int { m.store.LostNow = m.world.Clock.Moves >= 5; return 0 }
	m.ended(m.apply(), cutover.LockTrouble)
	if m.world.Clock.Moves > 6 {
		t.Errorf("the run went on for %d moves after the lock was lost", m.world.Clock.Moves-5)
	}
}

func TestJournalThatCannotBeWrittenStopsTheRun(t *testing.T) {
	whole := newModel(t, 2, nil)
	whole.apply()
	for at := 1; at <= whole.store.Saves; at++ {
		m := newModel(t, 2, nil)
		m.store.Fail = func(save int) error {
			if save == at {
				return errors.New("no space left on device")
			}
			return nil
		}
		requests := 0
		m.world.Before = func(string) { requests++ }
		m.ended(m.apply(), cutover.Interrupted)
		m.store.Fail = nil
		m.ended(m.resume(false), cutover.Done)
		m.isNew()
	}
}

func TestDoomedTargetFailsAtOnce(t *testing.T) {
	m := newModel(t, 2, nil)
	m.world.Lie = func(look int) (cutover.Observation, bool) {
		return cutover.Observation{State: cutover.Stopped, Doomed: "exited with code 1"},
			look > 20 && m.events[len(m.events)-1].Direction == cutover.Forward
	}
	before := m.world.Clock.Now()
	journal := m.apply()
	m.ended(journal, cutover.RolledBack)
	if !strings.Contains(journal.Reason, "exited with code 1") {
		t.Errorf("reason: %q", journal.Reason)
	}
	if took := m.world.Clock.Now().Sub(before); took > 15*time.Second {
		t.Errorf("it took %s to see that the step is doomed", took)
	}
	m.isOld()
}

// A way back has nothing left to turn to: an old container that ended right after it was started, because the engine was shutting
// down, is asked for again.
func TestDoomedTargetOfAWayBackIsTriedAgain(t *testing.T) {
	m := newModel(t, 2, nil)
	m.failsLate()
	doomed := 0
	m.world.Lie = func(int) (cutover.Observation, bool) {
		last := m.events[len(m.events)-1]
		if doomed == 5 || last.Direction != cutover.Back || last.Step.Kind != cutover.Container || last.Step.To != cutover.Healthy {
			return cutover.Observation{}, false
		}
		doomed++
		return cutover.Observation{State: cutover.Stopped, Doomed: "exited with code 143"}, true
	}
	m.ended(m.apply(), cutover.RolledBack)
	m.isOld()
	if doomed != 5 {
		t.Errorf("it was found doomed %d times", doomed)
	}
}

// When its time is over it says why, and what to do about it, as a step that fails at once does.
func TestWayBackThatIsDoomedSaysWhy(t *testing.T) {
	m := newModel(t, 2, nil)
	m.failsLate()
	m.world.Lie = func(int) (cutover.Observation, bool) {
		last := m.events[len(m.events)-1]
		return cutover.Observation{State: cutover.Stopped, Detail: "exited with code 1", Doomed: "exited with code 1: see docker logs gw-1"},
			last.Direction == cutover.Back && last.Step.Kind == cutover.Container && last.Step.To == cutover.Healthy
	}
	journal := m.apply()
	m.ended(journal, cutover.Stuck)
	if !strings.Contains(journal.Reason, "see docker logs gw-1") {
		t.Errorf("reason: %q", journal.Reason)
	}
}

// A state counts only when it has lasted for the hold without a gap.
func TestFlappingHealthDoesNotCount(t *testing.T) {
	m := newModel(t, 1, nil)
	var last time.Time
	m.world.Lie = func(look int) (cutover.Observation, bool) {
		if m.world.State(cutover.Container, "gw-1.7f3a") == cutover.Healthy && look < 70 && look%10 == 0 {
			last = m.world.Clock.Now()
			return cutover.Observation{State: "", Detail: "engine red"}, true
		}
		return cutover.Observation{}, false
	}
	journal := m.apply()
	m.ended(journal, cutover.Done)
	for _, entry := range journal.History {
		if entry.Step.Kind == cutover.Container && entry.Step.To == cutover.Healthy {
			if held := entry.Ended.Sub(last); held < entry.Step.Hold {
				t.Errorf("went on %s after the last gap, the hold is %s", held, entry.Step.Hold)
			}
		}
	}
}

// A look takes time, and tells what was so when it began: the last one begins when the hold is over.
func TestHoldIsNotShortenedBySlowLooks(t *testing.T) {
	m := newModel(t, 1, nil)
	var began time.Time
	m.world.Lie = func(int) (cutover.Observation, bool) {
		began = m.world.Clock.Now()
		m.world.Clock.Wait(1500 * time.Millisecond)
		return cutover.Observation{}, false
	}
	last := map[int]time.Time{} // by step, when the last look began
	m.runner.Emit = func(e cutover.Event) {
		if e.Type == cutover.EventProgress {
			last[e.Number] = began
		}
	}
	journal := m.apply()
	m.ended(journal, cutover.Done)
	for _, entry := range journal.History {
		if held := last[entry.N].Sub(entry.Arrived); len(entry.Step.Targets) == 1 && entry.Step.Hold > 0 && held < entry.Step.Hold {
			t.Errorf("%s: held for %s, not %s", entry.Step, held, entry.Step.Hold)
		}
	}
}

func TestFlappingForeverTurnsRound(t *testing.T) {
	m := newModel(t, 2, nil)
	m.world.Lie = func(look int) (cutover.Observation, bool) {
		return cutover.Observation{Detail: "engine red"}, m.world.State(cutover.Container, "gw-1.7f3a") == cutover.Healthy &&
			m.events[len(m.events)-1].Direction == cutover.Forward && look%10 == 0
	}
	m.ended(m.apply(), cutover.RolledBack)
	m.isOld()
}

func TestStragglersAreCutOnlyWhenAllowed(t *testing.T) {
	for _, test := range []struct {
		policy     cutover.Policy
		stragglers bool
		want       cutover.Outcome
	}{
		{cutover.Continue, true, cutover.Done},
		{cutover.Continue, false, cutover.RolledBack},
		{cutover.Fail, true, cutover.RolledBack},
	} {
		m := newModel(t, 1, func(s *cutover.Spec) { s.Budgets.OnDrainTimeout = test.policy })
		m.world.Lie = func(int) (cutover.Observation, bool) {
			last := m.events[len(m.events)-1]
			draining := last.Direction == cutover.Forward && last.Step.Kind == cutover.Member && last.Step.From == cutover.Serving && last.Step.To == cutover.Drained
			return cutover.Observation{Detail: "3 sessions", Stragglers: test.stragglers}, draining
		}
		journal := m.apply()
		m.ended(journal, test.want)
		if test.want == cutover.Done && (len(journal.Warnings) != 1 || !strings.Contains(journal.Warnings[0], "3 sessions")) {
			t.Errorf("warnings: %q", journal.Warnings)
		}
		m.keptTheRules()
	}
}

func eachStep(t *testing.T, test func(m *model, step cutover.Step)) {
	t.Helper()
	for i, step := range newModel(t, 2, nil).plan.Steps {
		if step.Watches() {
			continue
		}
		t.Run(fmt.Sprint(i+1), func(t *testing.T) { test(newModel(t, 2, nil), step) })
	}
}

func movesOf(m *model) int {
	m.apply()
	return m.world.Clock.Moves
}

func oneWayBegun(m *model) bool {
	for _, request := range m.world.Requests {
		if request == "container gw-1 absent" {
			return true
		}
	}
	return false
}
