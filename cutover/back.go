package cutover

import (
	"slices"
	"time"
)

// Back is the way back from a plan whose step at the given position (counted from 0) may be in flight: the same
// rungs backwards, that step included. Four things differ from a plain reversal:
//   - old containers of one batch are started again together, because starting is what takes minutes, unless a new one
//     that consumes exclusively would have to be suspended in between;
//   - steps that only watch have nothing to undo;
//   - a new container that may have served is quiesced before it is stopped, so that what it counted is not lost.
//     The same goes for one that works without the load balancers. Where that fails the way back goes on, and says so:
//     the fleet is worth more than the figures of a bad image;
//   - it ends with a look at the whole fleet.
//
// It is pure: the journal keeps the position, not the steps.
func (p Plan) Back(at int) []Step {
	var back []Step
	for end := min(at, len(p.Steps)-1); end >= 0; {
		start := end
		for start > 0 && p.Steps[start-1].Batch == p.Steps[end].Batch {
			start--
		}
		back = append(back, p.backOfBatch(p.Steps[start:end+1])...)
		end = start - 1
	}
	return append(back, p.asBefore()...)
}

// asBefore is how every way back ends: the promise is that the fleet serves as it did, also the nodes that no step had
// moved. A failing step may have taken them down with it: then they are started, woken and registered where they are
// now. Nodes that did not serve when the plan was made are left alone.
func (p Plan) asBefore() []Step {
	var names []string
	for _, node := range p.World.Nodes {
		if node.Member == Serving {
			names = append(names, node.Name)
		}
	}
	t := p.Spec.Budgets
	look := func(kind Kind, state State, timeout time.Duration) Step {
		return Step{Kind: kind, Targets: names, From: state, To: state, Cause: "as it was before", Batch: -1, Timeout: timeout, OnTimeout: Fail}
	}
	steps := []Step{look(Container, Healthy, t.Stop+t.Start)}
	if len(p.Spec.Ladder) > 1 {
		steps = append(steps, look(Workload, Active, t.Stop+t.Start))
	}
	return append(steps, look(Member, Serving, t.Join))
}

// mends looks at the old nodes which should run, and at those which should serve, when a way back has come to a position in its
// steps. What is not as it should be is mended: an engine that was restarted gives its containers other addresses, and
// one that died has no step of its own that would start it again. A node that can't be mended keeps nobody.
func (p Plan) mends(turnedAt, cursor int) []Step {
	f, back := newFleet(p, p.World), p.Back(turnedAt)
	for _, step := range slices.Concat(p.Steps[:min(turnedAt+1, len(p.Steps))], back[:min(cursor, len(back))]) {
		for _, name := range step.Targets {
			if !step.Watches() {
				f.set(name, f.moved(f.status[name], name, step))
			}
		}
	}
	var run, serve []string
	for _, node := range p.World.Nodes {
		s := f.status[node.Name]
		if node.Member != Serving || s.container != Healthy || s.workload == Quiesced {
			continue
		}
		run = append(run, node.Name)
		if s.member == Serving {
			serve = append(serve, node.Name)
		}
	}
	var steps []Step
	look := func(kind Kind, state State, names []string, timeout time.Duration) {
		if len(names) > 0 {
			steps = append(steps, Step{Kind: kind, Targets: names, From: state, To: state, Cause: "as it should be on the way back", Batch: -1, Timeout: timeout, OnTimeout: Warn})
		}
	}
	look(Container, Healthy, run, p.Spec.Budgets.Start)
	look(Member, Serving, serve, p.Spec.Budgets.Join)
	return steps
}

// CanGoBack reports whether neither the step at that position nor any before it is one-way.
func (p Plan) CanGoBack(at int) bool {
	for i := 0; i <= at && i < len(p.Steps); i++ {
		if p.Steps[i].OneWay {
			return false
		}
	}
	return true
}

func (p Plan) backOfBatch(steps []Step) []Step {
	back := make([]Step, 0, len(steps))
	starts := -1 // position of the one step that starts old containers again
	served, flushed := false, map[string]bool{}
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].Watches() {
			continue
		}
		undo := steps[i].undo()
		if undo.Kind == Container && undo.To == Stopped && p.Spec.Consumers == Overlap {
			// It works without the load balancers, so it may hold something although it never served.
			back = append(back, p.flush(undo.without(flushed))...)
		}
		if undo.Kind == Container && undo.To == Healthy && p.Spec.Consumers != Exclusive {
			if starts >= 0 {
				back[starts] = back[starts].with(undo.Targets)
				continue
			}
			starts = len(back)
		}
		back = append(back, undo)
		switch {
		case undo.Kind == Member && undo.From == Serving:
			served = true
		case undo.Kind == Member && undo.To == Out && served:
			back = append(back, p.flush(undo)...)
			served = false
			for _, name := range undo.Targets {
				flushed[name] = true
			}
		}
	}
	return back
}

// with is the same step for more targets; the step's own list is left alone.
func (s Step) with(targets []string) Step {
	s.Targets = append(s.Targets[:len(s.Targets):len(s.Targets)], targets...)
	return s
}

// without is the same step without some of its targets.
func (s Step) without(names map[string]bool) Step {
	s.Targets = slices.DeleteFunc(slices.Clone(s.Targets), func(name string) bool { return names[name] })
	return s
}

// flush quiesces new containers that have just been taken out, one after the other.
func (p Plan) flush(out Step) []Step {
	var steps []Step
	for j := range out.Targets {
		for i := 1; i < len(p.Spec.Ladder); i++ {
			steps = append(steps, Step{
				Kind: Workload, Targets: out.Targets[j : j+1 : j+1], From: p.Spec.Ladder[i-1], To: p.Spec.Ladder[i],
				Cause: p.Spec.climb(i), Batch: out.Batch, Timeout: p.Spec.Budgets.Quiesce, OnTimeout: Warn,
			})
		}
	}
	return steps
}
