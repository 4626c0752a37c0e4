package cutover_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/cutovertest"
)

func testSpec() cutover.Spec {
	return cutover.Spec{
		Service: "api-gateway", Rollout: "7f3a",
		Image:     cutover.Image{Ref: "gateway:2", ID: "sha256:2222"},
		Balancers: []cutover.Balancer{{Name: "lb-1"}, {Name: "lb-2"}},
		Ladder:    []cutover.State{cutover.Active, cutover.Quiesced},
		Driver:    "apigateway", Prepares: "flush licence, performance and quota data", Readiness: "health, engine",
		Strategy: cutover.Strategy{MaxSurge: 1, Hold: 2 * time.Second, Soak: 5 * time.Second},
		Budgets: cutover.Budgets{
			Create: 10 * time.Second, Start: 20 * time.Second, Join: 10 * time.Second,
			Drain: 30 * time.Second, Quiesce: 15 * time.Second, Stop: 12 * time.Second, Remove: 12 * time.Second,
		},
	}
}

// model is one rollout in the model world.
type model struct {
	*testing.T
	world  *cutovertest.World
	store  *cutovertest.Memory
	plan   cutover.Plan
	runner cutover.Runner
	events []cutover.Event
}

func newModel(t *testing.T, nodes int, change func(*cutover.Spec)) *model {
	t.Helper()
	spec := testSpec()
	if change != nil {
		change(&spec)
	}
	m := &model{T: t, world: cutovertest.NewWorld(nodes), store: &cutovertest.Memory{}}
	plan, err := cutover.Build(spec, m.world.Seen())
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Verify(m.world.Seen()); err != nil {
		t.Fatal(err)
	}
	m.plan = plan
	m.world.MaxRunning = nodes + plan.Spec.Strategy.MaxSurge
	m.world.Exclusive = plan.Spec.Consumers == cutover.Exclusive
	m.runner = cutover.Runner{
		Clock: m.world.Clock, Resources: m.world.Resources(),
		Emit: func(e cutover.Event) { m.events = append(m.events, e) },
	}
	return m
}

// apply runs the plan from its beginning.
func (m *model) apply() cutover.Journal {
	return m.runner.Run(m.Context(), m.store, cutover.NewJournal(m.plan, m.world.Clock.Now()))
}

// crash runs the plan until one of the hooks that before sets up panics, as a killed process would stop.
func (m *model) crash(run func()) (crashed bool) {
	defer func() {
		if r := recover(); r != nil {
			if r != any(killed) {
				panic(r)
			}
			crashed = true
		}
	}()
	run()
	return false
}

const killed = "killed"

// resume carries on what the store holds, or begins when it holds nothing.
func (m *model) resume(back bool) cutover.Journal {
	m.world.Before, m.world.After, m.store.Before, m.store.After = nil, nil, nil, nil
	journal := m.store.Journal()
	if journal.Version == 0 {
		journal = cutover.NewJournal(m.plan, m.world.Clock.Now())
	}
	if back {
		if err := journal.TurnRound("rollback"); err != nil {
			m.Logf("rollback refused: %v", err)
		}
	}
	return m.runner.Run(m.Context(), m.store, journal)
}

// isNew asserts that the whole fleet runs the new image, serves, and that nothing is left over.
func (m *model) isNew() {
	m.Helper()
	var want []string
	for _, pair := range m.plan.Pairs {
		want = append(want, pair.New)
	}
	m.isFleet(want)
}

// isOld asserts that the fleet is the one that the plan found.
func (m *model) isOld() {
	m.Helper()
	var want []string
	for _, pair := range m.plan.Pairs {
		want = append(want, pair.Old)
	}
	m.isFleet(want)
}

func (m *model) isFleet(want []string) {
	m.Helper()
	m.world.Settle()
	slices.Sort(want)
	if got := m.world.Names(); !slices.Equal(got, want) {
		m.Errorf("containers: got %v, want %v", got, want)
	}
	for _, name := range want {
		got := fmt.Sprint(m.world.State(cutover.Container, name), m.world.State(cutover.Member, name),
			m.world.State(cutover.Workload, name), m.world.State(cutover.Consumers, name))
		if expected := fmt.Sprint(cutover.Healthy, cutover.Serving, cutover.Active, cutover.Consuming); got != expected {
			m.Errorf("%s: got %s, want %s", name, got, expected)
		}
	}
	m.keptTheRules()
}

func (m *model) keptTheRules() {
	m.Helper()
	if len(m.world.Violations) > 0 {
		m.Errorf("rules broken:\n%s", strings.Join(m.world.Violations, "\n"))
	}
}

func (m *model) ended(journal cutover.Journal, want cutover.Outcome) {
	m.Helper()
	if journal.Outcome != want {
		m.Errorf("outcome: got %q (%s), want %q", journal.Outcome, journal.Reason, want)
	}
}

// requestOf is the request, as the world names it, that a step makes for its first target.
func requestOf(step cutover.Step) string {
	return fmt.Sprintf("%s %s %s", step.Kind, step.Targets[0], step.To)
}
