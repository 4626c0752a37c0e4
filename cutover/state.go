// Package cutover plans and carries out the replacement of running containers, one observed step at a time.
//
// It imports the standard library only. Everything that touches the outside world is an adapter behind
// Resource, Store or Clock; see DESIGN.md.
package cutover

import "slices"

// Kind names a ladder: what sort of thing a step moves.
type Kind string

// State is a rung of a ladder. The empty State means "between rungs or not to be told": it never equals a rung.
type State string

// The kinds of things a step can move.
const (
	Container Kind = "container"
	Member    Kind = "member"
	Workload  Kind = "workload"
	Consumers Kind = "consumers"
)

// The rungs, lowest first in each ladder.
const (
	Absent  State = "absent"  // no such container
	Stopped State = "stopped" // the container exists and does not run
	Healthy State = "healthy" // it runs, Docker's health check (if any) passes and the product says it is ready

	Out     State = "out"     // not registered, and no load balancer runs it
	Drained State = "drained" // registered in maintenance, no load balancer can reach it, nothing in flight
	Serving State = "serving" // registered, passing, and every load balancer runs it

	Active   State = "active"   // the product does all its work
	Frozen   State = "frozen"   // the product refuses changes to its configuration
	Quiesced State = "quiesced" // the product takes no work and holds nothing in memory that must not be lost

	Suspended State = "suspended" // nothing is fetched from queues, schedules, folders or mailboxes, and nothing fetched is still worked on
	Consuming State = "consuming" // triggers, scheduled tasks and listeners work, as they do after every start
)

var ladders = map[Kind][]State{
	Container: {Absent, Stopped, Healthy},
	Member:    {Out, Drained, Serving},
	Workload:  {Active, Frozen, Quiesced},
	Consumers: {Suspended, Consuming},
}

// rung is the position of a state on its kind's ladder, or -1.
func rung(kind Kind, state State) int { return slices.Index(ladders[kind], state) }
