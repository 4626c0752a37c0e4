package cutover

import (
	"strings"
	"time"
)

// EventType says what an Event tells.
type EventType string

// The events of a run, in the order in which they can occur.
const (
	EventStep     EventType = "step"     // a step begins
	EventAsked    EventType = "asked"    // a request was made, or failed (Err)
	EventProgress EventType = "progress" // one look at all targets of the step
	EventArrived  EventType = "arrived"  // a step is over
	EventWarning  EventType = "warning"  // a step failed and the run goes on
	EventTurn     EventType = "turn"     // the run turns round; Detail says why
	EventNotice   EventType = "notice"   // something the operator should know
	EventOutcome  EventType = "outcome"  // the run is over
)

// Event is one thing that happened in a run. Sinks get them in order, from the runner's goroutine: a slow sink
// slows the run. Never holds a secret.
type Event struct {
	At        time.Time
	Type      EventType
	Direction Direction
	Number    int // the step, counted from 1 in its direction
	Of        int
	Step      Step
	Target    string // for EventAsked
	Detail    string
	Seen      []Seen    // for EventProgress
	Deadline  time.Time // of the step
	HeldSince time.Time // when a hold has begun
	Outcome   Outcome   // for EventOutcome
	Err       error
}

// Seen is one target as observed in one look.
type Seen struct {
	Target string
	Observation
	Err error // it could not be observed
}

func (s Seen) String() string {
	switch {
	case s.Err != nil:
		return s.Target + ": not observed: " + s.Err.Error()
	case s.Doomed != "":
		return s.Target + ": " + s.Doomed
	case s.Detail != "":
		return s.Target + ": " + strings.ReplaceAll(s.Detail, "\n", ", ")
	case s.State == "":
		return s.Target + ": between two states"
	default:
		return s.Target + ": " + string(s.State)
	}
}
