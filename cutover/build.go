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
	if spec.Strategy.Kind == Cluster {
		plan.Spec.Strategy.MaxSurge = max(spec.Strategy.MaxSurge, len(plan.Pairs))
		b.wholeSet(plan.Pairs)
		b.finish()
		return plan, nil
	}
	b.batch(plan.Pairs[:1]) // an unproven image meets one node's traffic first
	for group := range slices.Chunk(plan.Pairs[1:], b.together()) {
		b.batch(group)
	}
	b.finish()
	return plan, nil
}

// together is how many new containers are started at a time. A node that is frozen while its replacement starts is
// shifted before the next one is.
func (b *builder) together() int {
	if b.spec.Strategy.Kind == BlueGreen {
		return 1
	}
	return min(b.spec.Strategy.Start, b.spec.Strategy.MaxSurge)
}

func withDefaults(spec Spec, seen World) Spec {
	s := &spec.Strategy
	if s.Kind == "" {
		s.Kind = Rolling
	}
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
	if spec.Strategy.Kind == BlueGreen && !slices.Contains(spec.Ladder, Frozen) {
		say("plan: strategy.kind is bluegreen, which freezes the old node's configuration, and driver %s can't do that: use rolling", spec.Driver)
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
			what += " (" + strings.ReplaceAll(node.Detail, "\n", ", ") + ")"
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
	spec     Spec
	plan     *Plan
	count    int      // batches so far
	shifted  []string // new containers that serve
	watched  bool     // in this batch
	quiesced bool     // somebody has been
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
	s := b.spec.Strategy
	if s.Kind == BlueGreen {
		b.add(Step{
			Kind: Workload, Targets: olds(pairs), From: Active, To: Frozen,
			Cause: b.spec.climb(1), Timeout: b.spec.Budgets.Quiesce, UndoTimeout: b.spec.Budgets.Quiesce,
		})
	}
	b.create(pairs)
	b.start(pairs)
	b.watched = false
	for shifted := range slices.Chunk(pairs, s.Shift) {
		b.shift(shifted)
	}
	b.count++
}

// wholeSet starts a new container for every old one, lets all of them serve, and then retires the old ones: out of
// every load balancer together, quiesced one after the other.
func (b *builder) wholeSet(pairs []Pair) {
	b.create(pairs)
	for group := range slices.Chunk(pairs, b.spec.Strategy.Start) {
		b.start(group)
	}
	b.join(pairs)
	b.shifted = append(b.shifted, news(pairs)...)
	b.leave(pairs)
	for i := range pairs {
		b.quiesce(pairs[i : i+1])
	}
	b.stop(pairs)
	b.count++
}

// shift lets the new containers serve, takes the old ones out, quiesces and stops them.
func (b *builder) shift(pairs []Pair) {
	b.join(pairs)
	if !b.watched {
		b.watch("still serving, before the next one leaves", 0)
		b.watched = true
	}
	b.shifted = append(b.shifted, news(pairs)...)
	b.leave(pairs)
	b.quiesce(pairs)
	b.stop(pairs)
}

func (b *builder) create(pairs []Pair) {
	t := b.spec.Budgets
	b.add(Step{
		Kind: Container, Targets: news(pairs), From: Absent, To: Stopped,
		Cause: "create from " + b.spec.Image.Ref, Timeout: t.Create, UndoTimeout: t.Stop,
	})
}

func (b *builder) start(pairs []Pair) {
	t := b.spec.Budgets
	b.add(Step{
		Kind: Container, Targets: news(pairs), From: Stopped, To: Healthy,
		Cause: b.readiness(), Timeout: t.Start, UndoTimeout: t.Stop, Hold: b.spec.Strategy.Hold,
	})
}

func (b *builder) join(pairs []Pair) {
	t, fresh := b.spec.Budgets, news(pairs)
	b.add(Step{
		Kind: Member, Targets: fresh, From: Out, To: Drained,
		Cause: "register in Consul, in maintenance", Timeout: t.Join, UndoTimeout: t.Join,
	})
	b.add(Step{
		Kind: Member, Targets: fresh, From: Drained, To: Serving,
		Cause: b.agreement(), Timeout: t.Join, UndoTimeout: t.Drain, Hold: b.spec.Strategy.Hold, OnTimeout: t.OnDrainTimeout,
	})
}

func (b *builder) leave(pairs []Pair) {
	t, old := b.spec.Budgets, olds(pairs)
	b.add(Step{
		Kind: Member, Targets: old, From: Serving, To: Drained,
		Cause: "no lb worker can reach it, nothing in flight", Timeout: t.Drain, UndoTimeout: t.Join, OnTimeout: t.OnDrainTimeout,
		Hold: b.spec.Strategy.Hold,
	})
	b.add(Step{
		Kind: Member, Targets: old, From: Drained, To: Out,
		Cause: "deregister", Timeout: t.Join, UndoTimeout: t.Join,
	})
}

// quiesce takes the old containers up the rest of the driver's ladder. The first ones are held there: whatever else
// quiescing does to the fleet shows while all others are still what they were.
func (b *builder) quiesce(pairs []Pair) {
	t, first, hold := b.spec.Budgets, 1, time.Duration(0)
	if !b.quiesced {
		hold, b.quiesced = b.spec.Strategy.Hold, true
	}
	if b.spec.Strategy.Kind == BlueGreen {
		first = 1 + slices.Index(b.spec.Ladder, Frozen)
	}
	for i := first; i < len(b.spec.Ladder); i++ {
		b.add(Step{
			Kind: Workload, Targets: olds(pairs), From: b.spec.Ladder[i-1], To: b.spec.Ladder[i],
			Cause: b.spec.climb(i), Timeout: t.Quiesce, UndoTimeout: t.Stop + t.Start, Hold: hold,
		})
	}
}

// stop stops the old containers, and only then lets the new ones consume, where they must not do so together. In this
// order the way back suspends the new ones before an old one starts.
func (b *builder) stop(pairs []Pair) {
	t, fresh := b.spec.Budgets, news(pairs)
	b.add(Step{
		Kind: Container, Targets: olds(pairs), From: Healthy, To: Stopped,
		Cause: "replaced by " + strings.Join(fresh, ", "), Timeout: t.Stop, UndoTimeout: t.Start,
	})
	if b.spec.Consumers == Exclusive {
		b.add(Step{
			Kind: Consumers, Targets: fresh, From: Suspended, To: Consuming,
			Cause: "in the place of " + strings.Join(olds(pairs), ", "), Timeout: t.Join, UndoTimeout: t.Quiesce,
		})
	}
}

// climb says why a workload goes up to that rung of its ladder.
func (s Spec) climb(rung int) string {
	if s.Ladder[rung] == Frozen {
		return "no changes to what both will share"
	}
	return s.Prepares
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
		Cause: "every node is done", Timeout: t.Remove, UndoTimeout: t.Remove, OneWay: true,
	})
}

func (b *builder) readiness() string {
	ready := "ready"
	if b.spec.Readiness != "" {
		ready += ": " + b.spec.Readiness
	}
	if b.spec.Consumers == Exclusive {
		ready += "; consumers suspended"
	}
	return ready
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
