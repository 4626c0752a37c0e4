package cutover_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// A process can be killed before and after everything that outlives it: each save and each request.
func TestCrashAtEveryDurableEffect(t *testing.T) {
	for kind, change := range changes {
		for _, goingBack := range []bool{false, true} {
			for _, thenBack := range []bool{false, true} {
				t.Run(fmt.Sprintf("strategy %d, going back %t, then rollback %t", kind, goingBack, thenBack), func(t *testing.T) {
					t.Parallel()
					crashes := 0
					for at := 1; ; at++ {
						m := newModel(t, 2, func(s *cutover.Spec) { change(s, nil) })
						if goingBack {
							m.failsLate()
						}
						m.killAt(at)
						if !m.crash(func() { m.apply() }) {
							break
						}
						crashes++
						m.world.Delay = nil
						m.isWhole(m.resume(thenBack))
						if t.Failed() {
							t.Fatalf("killed at durable effect %d", at)
						}
					}
					if crashes < 50 {
						t.Errorf("only %d crashes: the hooks do not reach the run", crashes)
					}
				})
			}
		}
	}
}

// changes make every kind of plan that there is.
var changes = []func(*cutover.Spec, *cutover.World){
	func(*cutover.Spec, *cutover.World) {},
	func(s *cutover.Spec, _ *cutover.World) { s.Consumers = cutover.Exclusive },
	func(s *cutover.Spec, _ *cutover.World) { s.Consumers = cutover.Overlap },
	blueGreen,
	wholeCluster,
	func(s *cutover.Spec, w *cutover.World) { wholeCluster(s, w); s.Consumers = cutover.Exclusive },
}

// The one who resumes can be killed too.
func TestCrashOfTheResume(t *testing.T) {
	for first := 5; first < 120; first += 7 {
		for second := 1; second < 20; second += 3 {
			m := newModel(t, 2, nil)
			m.killAt(first)
			if !m.crash(func() { m.apply() }) {
				return
			}
			journal := m.store.Journal()
			m.killAt(second)
			m.crash(func() { m.runner.Run(m.Context(), m.store, journal) })
			m.isWhole(m.resume(second%2 == 0))
		}
	}
}

// isWhole asserts that a run which has ended left either fleet, whole.
func (m *model) isWhole(journal cutover.Journal) {
	m.Helper()
	if journal.Outcome == cutover.Done {
		m.isNew()
		return
	}
	m.ended(journal, cutover.RolledBack)
	m.isOld()
}

// failsLate lets the second node's drain fail, so that most of the run happens on the way back.
func (m *model) failsLate() {
	m.world.Delay = func(request string) time.Duration {
		if request == "workload gw-2 quiesced" {
			return 1000 * time.Hour
		}
		return 0
	}
}

// killAt panics at the n-th moment: before and after each save and each request count as one each.
func (m *model) killAt(n int) {
	seen := 0
	moment := func() {
		if seen++; seen == n {
			panic(killed)
		}
	}
	m.world.Before = func(string) { moment() }
	m.world.After = func(string) { moment() }
	m.store.Before, m.store.After = moment, moment
}
