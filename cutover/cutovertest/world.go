// Package cutovertest holds what tests of cutover share: contract suites that every adapter must pass, and a model
// world with a clock of its own, in which whole rollouts run in milliseconds.
package cutovertest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cutover/cutover/cutover"
)

// World is a model of a fleet: requests take time to have an effect, and every effect is checked against the rules
// that must hold at every moment. It is not safe for concurrent use.
type World struct {
	Clock      *Clock
	MinServing int
	MaxRunning int
	Exclusive  bool                                       // new containers start with their consumers suspended
	Latency    time.Duration                              // from a request to its effect
	Delay      func(request string) time.Duration         // more of it, by "kind target state"
	SetError   func(request string) error                 // an error in place of the effect
	Lie        func(look int) (cutover.Observation, bool) // what a look sees in place of the truth
	Before     func(durable string)                       // called before each request
	After      func(durable string)                       // called after each request

	things     map[thing]cutover.State
	pending    []effect
	startedAt  map[string]time.Time
	flushed    map[string]bool
	stopAsked  map[string]bool // in the present life
	ever       map[string]bool // containers that have served
	Requests   []string        // every request made, in order
	Looks      int
	Violations []string
}

type thing struct {
	kind   cutover.Kind
	target string
}

type effect struct {
	thing
	to cutover.State
	at time.Time
}

// NewWorld is a fleet of n nodes called gw-1 to gw-n that serve.
func NewWorld(n int) *World {
	w := &World{
		Clock: NewClock(), MinServing: n, MaxRunning: n + 1, Latency: 300 * time.Millisecond,
		things: map[thing]cutover.State{}, startedAt: map[string]time.Time{}, flushed: map[string]bool{}, stopAsked: map[string]bool{}, ever: map[string]bool{},
	}
	for i := range n {
		name := fmt.Sprintf("gw-%d", i+1)
		w.put(cutover.Container, name, cutover.Healthy)
		w.put(cutover.Member, name, cutover.Serving)
		w.put(cutover.Workload, name, cutover.Active)
		w.put(cutover.Consumers, name, cutover.Consuming)
		w.startedAt[name] = w.Clock.Now().Add(-time.Hour)
		w.ever[name] = true
	}
	w.Clock.tick = w.land
	return w
}

// Seen is the world as a planner sees it.
func (w *World) Seen() cutover.World {
	var seen cutover.World
	for i := 1; ; i++ {
		name := fmt.Sprintf("gw-%d", i)
		if w.State(cutover.Container, name) == cutover.Absent {
			return seen
		}
		seen.Nodes = append(seen.Nodes, cutover.Node{
			Name: name, Base: name, ID: "id-" + name,
			Image: cutover.Image{Ref: "gateway:1", ID: "sha256:1111"}, StartedAt: w.startedAt[name],
			Container: w.State(cutover.Container, name), Member: w.State(cutover.Member, name),
			Workload: w.State(cutover.Workload, name),
		})
	}
}

// Resources are the model's ladders.
func (w *World) Resources() map[cutover.Kind]cutover.Resource {
	return map[cutover.Kind]cutover.Resource{
		cutover.Container: ladder{w, cutover.Container},
		cutover.Member:    ladder{w, cutover.Member},
		cutover.Workload:  ladder{w, cutover.Workload},
		cutover.Consumers: ladder{w, cutover.Consumers},
	}
}

// State is the truth about one thing.
func (w *World) State(kind cutover.Kind, target string) cutover.State {
	if state, ok := w.things[thing{kind, target}]; ok {
		return state
	}
	switch kind {
	case cutover.Container:
		return cutover.Absent
	case cutover.Member:
		return cutover.Out
	case cutover.Consumers:
		return cutover.Suspended
	default:
		return ""
	}
}

// Break puts a thing into a state behind everybody's back.
func (w *World) Break(kind cutover.Kind, target string, state cutover.State) {
	w.put(kind, target, state)
}

// Serving is how many members serve now.
func (w *World) Serving() int {
	n := 0
	for thing, state := range w.things {
		if thing.kind == cutover.Member && state == cutover.Serving {
			n++
		}
	}
	return n
}

// Names are the containers that exist, sorted.
func (w *World) Names() []string {
	var names []string
	for thing, state := range w.things {
		if thing.kind == cutover.Container && state != cutover.Absent {
			names = append(names, thing.target)
		}
	}
	slices.Sort(names)
	return names
}

// Settle lets everything that is under way land.
func (w *World) Settle() {
	w.Clock.Wait(24 * time.Hour)
}

func (w *World) put(kind cutover.Kind, target string, state cutover.State) {
	w.things[thing{kind, target}] = state
}

type ladder struct {
	world *World
	kind  cutover.Kind
}

// Set makes a request. A later one for another state wins over an earlier one that has not landed; repeating a
// request does not make it land later.
func (l ladder) Set(_ context.Context, target string, want cutover.State) error {
	w := l.world
	name := fmt.Sprintf("%s %s %s", l.kind, target, want)
	w.Requests = append(w.Requests, name)
	if w.Before != nil {
		w.Before(name)
	}
	if w.SetError != nil {
		if err := w.SetError(name); err != nil {
			return err
		}
	}
	delay := w.Latency
	if w.Delay != nil {
		delay += w.Delay(name)
	}
	mine := thing{l.kind, target}
	if l.kind == cutover.Container && want == cutover.Healthy && w.spent(target) {
		w.newLife(target, delay)
		return nil
	}
	w.pending = slices.DeleteFunc(w.pending, func(e effect) bool { return e.thing == mine && e.to != want })
	if l.kind == cutover.Container && want == cutover.Stopped && w.State(l.kind, target) == cutover.Healthy {
		w.stopAsked[target] = true
	}
	if due := w.Clock.Now().Add(delay); !slices.ContainsFunc(w.pending, func(e effect) bool { return e.thing == mine && !e.at.After(due) }) {
		w.pending = append(w.pending, effect{mine, want, due})
	}
	if w.After != nil {
		w.After(name)
	}
	return nil
}

// Observe tells the truth, unless the world was told to lie.
func (l ladder) Observe(_ context.Context, target string) (cutover.Observation, error) {
	w := l.world
	w.Looks++
	if w.Lie != nil {
		if seen, lies := w.Lie(w.Looks); lies {
			return seen, nil
		}
	}
	state := w.State(l.kind, target)
	if l.kind == cutover.Container && state == cutover.Healthy && w.spent(target) {
		return cutover.Observation{Detail: "it stops, or it is quiesced"}, nil
	}
	return cutover.Observation{State: state}, nil
}

// spent reports whether a running container's life is over: it was asked to stop, which can't be taken back, or it
// is quiesced, so that its product would not call it ready.
func (w *World) spent(target string) bool {
	return w.State(cutover.Container, target) == cutover.Healthy &&
		(w.stopAsked[target] || w.State(cutover.Workload, target) == cutover.Quiesced)
}

// newLife starts a container again once it has stopped, as an adapter does that the journal tells of a request to stop.
func (w *World) newLife(target string, delay time.Duration) {
	mine := thing{cutover.Container, target}
	down := w.Clock.Now().Add(delay)
	w.pending = slices.DeleteFunc(w.pending, func(e effect) bool {
		if e.thing == mine && e.to == cutover.Stopped && e.at.Before(down) {
			down = e.at
		}
		return e.thing == mine
	})
	w.pending = append(w.pending, effect{mine, cutover.Stopped, down}, effect{mine, cutover.Healthy, down.Add(w.Latency)})
}
