package cutovertest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cutover/cutover/cutover"
)

// land lets the effects that are due happen, in order of time, and checks the rules after each.
func (w *World) land(now time.Time) {
	for {
		next := -1
		for i, e := range w.pending {
			if !e.at.After(now) && (next < 0 || e.at.Before(w.pending[next].at)) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		e := w.pending[next]
		w.pending = slices.Delete(w.pending, next, next+1)
		w.happen(e)
	}
}

func (w *World) happen(e effect) {
	container := w.State(cutover.Container, e.target)
	switch e.kind {
	case cutover.Container:
		w.containerMoves(e, container)
	case cutover.Member:
		if e.to != cutover.Out && container != cutover.Healthy {
			return // nothing to register: the container has no address
		}
		if e.to == cutover.Serving {
			w.ever[e.target] = true
			w.flushed[e.target] = false
		}
		w.put(e.kind, e.target, e.to)
	case cutover.Workload:
		w.workloadMoves(e, container)
	case cutover.Consumers:
		if container == cutover.Healthy && w.State(cutover.Workload, e.target) != cutover.Quiesced {
			w.put(e.kind, e.target, e.to)
		}
	}
	w.check(fmt.Sprintf("%s %s %s", e.kind, e.target, e.to))
}

func (w *World) containerMoves(e effect, was cutover.State) {
	if was == e.to {
		return
	}
	w.put(cutover.Consumers, e.target, cutover.Suspended)
	switch e.to {
	case cutover.Healthy:
		if was == cutover.Absent {
			return
		}
		w.startedAt[e.target] = e.at
		w.stopAsked[e.target] = false
		w.put(cutover.Workload, e.target, cutover.Active)
		w.wakes(e.target)
	case cutover.Absent:
		w.put(cutover.Workload, e.target, "")
	}
	w.put(e.kind, e.target, e.to)
}

// workloadMoves follows the product: what is quiesced comes back by a restart only.
func (w *World) workloadMoves(e effect, container cutover.State) {
	if container != cutover.Healthy {
		return
	}
	was := w.State(e.kind, e.target)
	w.put(e.kind, e.target, e.to)
	if e.to == cutover.Quiesced {
		w.flushed[e.target] = true
		w.put(cutover.Consumers, e.target, cutover.Suspended)
	}
	if e.to != cutover.Quiesced && was == cutover.Quiesced {
		w.startedAt[e.target] = e.at
		w.wakes(e.target)
	}
}

// wakes is what a start does to a container's consumers: they work, unless it is a new one that must not.
func (w *World) wakes(target string) {
	if !w.Exclusive || !isNew(target) {
		w.put(cutover.Consumers, target, cutover.Consuming)
	}
}

// isNew reports whether a container was made by a rollout; it is called after the one that it replaces.
func isNew(target string) bool { return strings.Contains(target, ".") }

// check asserts what must hold at every moment.
func (w *World) check(after string) {
	say := func(format string, args ...any) {
		w.Violations = append(w.Violations, fmt.Sprintf("after %q: ", after)+fmt.Sprintf(format, args...))
	}
	if n := w.Serving(); n < w.MinServing {
		say("%d members serve, at least %d must", n, w.MinServing)
	}
	running := 0
	for thing, state := range w.things {
		switch {
		case thing.kind == cutover.Container && state == cutover.Healthy:
			running++
		case thing.kind == cutover.Member && state == cutover.Serving:
			if container := w.State(cutover.Container, thing.target); container != cutover.Healthy {
				say("%s serves and its container is %s", thing.target, container)
			}
			if w.State(cutover.Workload, thing.target) == cutover.Quiesced {
				say("%s serves and is quiesced", thing.target)
			}
		case thing.kind == cutover.Container && state == cutover.Stopped && w.ever[thing.target] && !w.flushed[thing.target]:
			say("%s was stopped before what it holds in memory was flushed", thing.target)
		}
	}
	for thing, state := range w.things {
		old, _, replaces := strings.Cut(thing.target, ".")
		if w.Exclusive && replaces && thing.kind == cutover.Consumers && state == cutover.Consuming &&
			w.State(cutover.Consumers, old) == cutover.Consuming {
			say("%s consumes while %s does", thing.target, old)
		}
	}
	if running > w.MaxRunning {
		say("%d containers run, at most %d may", running, w.MaxRunning)
	}
}
