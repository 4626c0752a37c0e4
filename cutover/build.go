package cutover

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Build computes the plan that brings every node of the fleet to the wanted image: nodes that run it already are
// left alone, and a fleet that runs it everywhere gives an empty plan. It is pure. Its error joins everything
// that stands in the way, each with its remedy.
func Build(spec Spec, seen World) (Plan, error) {
	spec = withDefaults(spec, seen)
	if err := refuse(spec, seen); err != nil {
		return Plan{}, err
	}
	plan := Plan{Spec: spec, World: seen}
	for _, node := range seen.Nodes {
		if node.Image.ID != spec.Image.ID {
			plan.Pairs = append(plan.Pairs, Pair{Old: node.Name, New: node.Base + "." + spec.Rollout})
		}
	}
	if len(plan.Pairs) == 0 {
		return plan, nil
	}
	b := builder{spec: spec, plan: &plan}
	b.batch(plan.Pairs[:1]) // an unproven image meets one node's traffic first
	for group := range slices.Chunk(plan.Pairs[1:], min(spec.Strategy.Start, spec.Strategy.MaxSurge)) {
		b.batch(group)
	}
	b.finish()
	return plan, nil
}

func withDefaults(spec Spec, seen World) Spec {
	s := &spec.Strategy
	if s.MinServing == 0 {
		s.MinServing = serving(seen)
	}
	s.MaxSurge = max(s.MaxSurge, 1)
	s.Start = max(s.Start, 1)
	s.Shift = max(s.Shift, 1)
	if spec.Budgets.OnDrainTimeout == "" {
		spec.Budgets.OnDrainTimeout = Fail
	}
	return spec
}

func serving(seen World) int {
	n := 0
	for _, node := range seen.Nodes {
		if node.Member == Serving {
			n++
		}
	}
	return n
}

// refuse joins every reason why this fleet can't be cut over as it stands.
func refuse(spec Spec, seen World) error {
	var reasons []error
	say := func(format string, args ...any) { reasons = append(reasons, fmt.Errorf(format, args...)) }
	if len(seen.Nodes) == 0 {
		return errors.New("plan: no running container is in the fleet: check containers.label, or start the fleet first")
	}
	if n := serving(seen); spec.Strategy.MinServing > n {
		say("plan: strategy.min_serving is %d, but only %d members serve now: lower it, or bring the missing ones back first",
			spec.Strategy.MinServing, n)
	}
	taken := map[string]string{}
	for _, node := range seen.Nodes {
		taken[node.Name] = node.Name
	}
	for _, node := range seen.Nodes {
		if node.Image.ID == spec.Image.ID {
			continue
		}
		name := node.Base + "." + spec.Rollout
		if other, ok := taken[name]; ok {
			say("plan: the replacement of %s would be called %s, as that of %s is: rename one of them", node.Name, name, other)
		}
		taken[name] = node.Name
		for _, wrong := range notReady(spec, node) {
			say("plan: %s is %s: a cutover starts from a fleet that serves: mend it, or take the container out of the fleet, and plan again",
				node.Name, wrong)
		}
	}
	return errors.Join(reasons...)
}

func notReady(spec Spec, node Node) []string {
	var wrong []string
	check := func(kind Kind, got, want State) {
		if got == want {
			return
		}
		what := string(got)
		if got == "" {
			what = "in no known state"
		}
		if node.Detail != "" {
			what += " (" + node.Detail + ")"
		}
		wrong = append(wrong, fmt.Sprintf("%s as a %s, not %s", what, kind, want))
	}
	check(Container, node.Container, Healthy)
	check(Member, node.Member, Serving)
	if len(spec.Ladder) > 1 {
		check(Workload, node.Workload, spec.Ladder[0])
	}
	return wrong
}

type builder struct {
	spec    Spec
	plan    *Plan
	count   int      // batches so far
	shifted []string // new containers that serve
	watched bool     // in this batch
}

func (b *builder) add(step Step) {
	step.Batch = b.count
	if step.OnTimeout == "" {
		step.OnTimeout = Fail
	}
	b.plan.Steps = append(b.plan.Steps, step)
}

// batch starts the new containers of some pairs together, then shifts the nodes, a few at a time.
func (b *builder) batch(pairs []Pair) {
	t, s := b.spec.Budgets, b.spec.Strategy
	b.add(Step{
		Kind: Container, Targets: news(pairs), From: Absent, To: Stopped,
		Cause: "create from " + b.spec.Image.Ref, Timeout: t.Create, UndoTimeout: t.Stop,
	})
	b.add(Step{
		Kind: Container, Targets: news(pairs), From: Stopped, To: Healthy,
		Cause: b.readiness(), Timeout: t.Start, UndoTimeout: t.Stop, Hold: s.Hold,
	})
	b.watched = false
	for shifted := range slices.Chunk(pairs, s.Shift) {
		b.shift(shifted)
	}
	b.count++
}

// shift lets the new containers serve, takes the old ones out, quiesces and stops them.
func (b *builder) shift(pairs []Pair) {
	t, s := b.spec.Budgets, b.spec.Strategy
	old, fresh := olds(pairs), news(pairs)
	b.add(Step{
		Kind: Member, Targets: fresh, From: Out, To: Drained,
		Cause: "register in Consul, in maintenance", Timeout: t.Join, UndoTimeout: t.Join,
	})
	b.add(Step{
		Kind: Member, Targets: fresh, From: Drained, To: Serving,
		Cause: b.agreement(), Timeout: t.Join, UndoTimeout: t.Drain, Hold: s.Hold, OnTimeout: t.OnDrainTimeout,
	})
	if !b.watched {
		b.watch("still serving, before the next one leaves", 0)
		b.watched = true
	}
	b.shifted = append(b.shifted, fresh...)
	b.add(Step{
		Kind: Member, Targets: old, From: Serving, To: Drained,
		Cause: "no lb worker can reach it, nothing in flight", Timeout: t.Drain, UndoTimeout: t.Join, OnTimeout: t.OnDrainTimeout,
	})
	b.add(Step{
		Kind: Member, Targets: old, From: Drained, To: Out,
		Cause: "deregister", Timeout: t.Join, UndoTimeout: t.Join,
	})
	for i := 1; i < len(b.spec.Ladder); i++ {
		b.add(Step{
			Kind: Workload, Targets: old, From: b.spec.Ladder[i-1], To: b.spec.Ladder[i],
			Cause: b.spec.Prepares, Timeout: t.Quiesce, UndoTimeout: t.Stop + t.Start,
		})
	}
	b.add(Step{
		Kind: Container, Targets: old, From: Healthy, To: Stopped,
		Cause: "replaced by " + strings.Join(fresh, ", "), Timeout: t.Stop, UndoTimeout: t.Start,
	})
}

// watch makes sure that the new containers that were shifted before go on serving.
func (b *builder) watch(cause string, hold time.Duration) {
	if len(b.shifted) == 0 {
		return
	}
	t := b.spec.Budgets
	shifted := b.shifted[:len(b.shifted):len(b.shifted)] // one list for all: a large fleet would have very many
	b.add(Step{
		Kind: Member, Targets: shifted, From: Serving, To: Serving,
		Cause: cause, Timeout: t.Join, UndoTimeout: t.Join, Hold: hold,
	})
}

// finish watches the new fleet serve, then removes the old one.
func (b *builder) finish() {
	t := b.spec.Budgets
	b.watch("soak: the new fleet serves", b.spec.Strategy.Soak)
	b.count++
	b.add(Step{
		Kind: Container, Targets: olds(b.plan.Pairs), From: Stopped, To: Absent,
		Cause: "every node is done", Timeout: t.Stop, UndoTimeout: t.Stop, OneWay: true,
	})
}

func (b *builder) readiness() string {
	if b.spec.Readiness == "" {
		return "ready"
	}
	return "ready: " + b.spec.Readiness
}

// agreement says whose word the step waits for, and whose it does not.
func (b *builder) agreement() string {
	var must []string
	var notes string
	for _, lb := range b.spec.Balancers {
		switch {
		case lb.Without:
			notes += "; " + lb.Name + " NOT ASKED"
		case lb.Blind:
			notes += fmt.Sprintf("; %s UNCONFIRMED, settles %s", lb.Name, lb.Settle)
		default:
			must = append(must, lb.Name)
		}
	}
	if len(must) == 0 {
		return "Consul: passing" + notes
	}
	return strings.Join(must, ", ") + " must agree" + notes
}

func olds(pairs []Pair) []string {
	names := make([]string, len(pairs))
	for i, pair := range pairs {
		names[i] = pair.Old
	}
	return names
}

func news(pairs []Pair) []string {
	names := make([]string, len(pairs))
	for i, pair := range pairs {
		names[i] = pair.New
	}
	return names
}
