package cutover

import (
	"slices"
	"time"
)

// Policy says what a step's time-out means.
type Policy string

// The policies.
const (
	Fail     Policy = "fail"     // the step has failed: the run turns round
	Continue Policy = "continue" // draining only: when nothing but work in flight is missing, it is cut
	Warn     Policy = "warn"     // go on whatever happened, and say so at the end
)

// Step moves a group of targets one rung along a ladder, or, when From equals To, watches that they stay there.
type Step struct {
	Kind        Kind          `json:"kind"`
	Targets     []string      `json:"targets"` // they move together; the step ends when all have arrived
	From        State         `json:"from"`
	To          State         `json:"to"`
	Cause       string        `json:"cause"`        // why this step exists; shown in the plan
	Batch       int           `json:"batch"`        // nodes of one batch start together, forward and back
	Timeout     time.Duration `json:"timeout"`      // until all have arrived; Hold is added to it
	UndoTimeout time.Duration `json:"undo_timeout"` // the same for the way back
	Hold        time.Duration `json:"hold"`         // all must be observed arrived for this long without a gap
	OneWay      bool          `json:"one_way,omitempty"`
	OnTimeout   Policy        `json:"on_timeout"`
}

// Watches reports whether the step only watches its targets.
func (s Step) Watches() bool { return s.From == s.To }

// quiesces reports whether the targets are asked to quiesce.
func (s Step) quiesces() bool { return s.Kind == Workload && s.To == Quiesced }

// stops reports whether targets that run are asked to stop.
func (s Step) stops() bool { return s.Kind == Container && s.From == Healthy && s.To != Healthy }

// undo is the same rung backwards. Nothing is held on the way back: the fleet it leads to is known to be good.
func (s Step) undo() Step {
	back := s
	back.From, back.To = s.To, s.From
	back.Timeout, back.UndoTimeout = s.UndoTimeout, s.Timeout
	back.Hold = 0
	back.Cause = undoCauses[back.Kind][back.To]
	if back.Kind == Member && back.To == Drained && back.From == Out {
		back.Cause = "register again, in maintenance"
	}
	return back
}

var undoCauses = map[Kind]map[State]string{
	Container: {Absent: "not wanted any more", Stopped: "not wanted any more", Healthy: "start again"},
	Member:    {Out: "deregister", Drained: "no lb worker can reach it, nothing in flight", Serving: "serve again"},
	Workload:  {Active: "active again, by a restart where there is no other way", Frozen: "partly active again"},
	Consumers: {Suspended: "let the old one consume alone"},
}

// mayCut reports whether the step may go on when its time is over, cutting what is still in flight.
func (s Step) mayCut() bool {
	return s.OnTimeout == Continue && s.Kind == Member && s.From == Serving && s.To == Drained
}

// Pair is an old container and the one that takes its place.
type Pair struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// Plan is a whole rollout as data: computed by Build, checked by Verify, journaled before anything is touched.
type Plan struct {
	Spec  Spec   `json:"spec"`
	World World  `json:"world"` // what was seen when it was made
	Pairs []Pair `json:"pairs"`
	Steps []Step `json:"steps"`
}

// Empty reports whether there is nothing to do.
func (p Plan) Empty() bool { return len(p.Steps) == 0 }

// Node is the node with that name as it was seen when the plan was made.
func (p Plan) Node(name string) (Node, bool) {
	i := slices.IndexFunc(p.World.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return Node{}, false
	}
	return p.World.Nodes[i], true
}

// Old is the container that a new one replaces, or "".
func (p Plan) Old(newName string) string {
	for _, pair := range p.Pairs {
		if pair.New == newName {
			return pair.Old
		}
	}
	return ""
}

// New is the container that replaces an old one, or "".
func (p Plan) New(oldName string) string {
	for _, pair := range p.Pairs {
		if pair.Old == oldName {
			return pair.New
		}
	}
	return ""
}
