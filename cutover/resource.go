package cutover

import (
	"context"
	"errors"
	"time"
)

// Resource moves the targets of one ladder. The runner calls it from one goroutine only.
type Resource interface {
	// Set asks for a state and returns without waiting for it. It is repeatable: the runner asks again after an
	// error, after a crash, and about once a second for as long as the state has not been observed. The context
	// carries the deadline of this one request. An error that asking again can't mend is wrapped with Permanent, and one
	// after which it is certain that nothing was changed with NoEffect.
	Set(ctx context.Context, target string, want State) error
	// Observe tells the state of a target as it is now. It changes nothing. "Could not tell" is an error, never a
	// state; between two rungs the State is empty and Detail says what is still missing. After an error the runner
	// looks again, unless it is wrapped with Permanent.
	Observe(ctx context.Context, target string) (Observation, error)
}

// Observation is what was seen of one target at one moment.
type Observation struct {
	State State
	// Detail is for people: what is observed now and what is still missing, without secrets. Of several lines all but
	// the last tell what is well already.
	Detail string
	// Stragglers: all that is missing is work still in flight, so that a step whose policy is Continue may cut it.
	Stragglers bool
	Cut        int    // connections in flight that are given up because their budget is over
	Warning    string // when not empty: the state was reached, but not as it should have been; told at the end
	Doomed     string // when not empty: why the state asked for can't be reached any more; the step fails at once, unless nothing is left to turn to
}

// Place is where a running container can be reached, as observed now. Addresses change with every start of a
// container, so a Place is never kept.
type Place struct {
	ID        string
	Host      string // name of the engine's host, as the configuration spells it
	Running   bool
	StartedAt time.Time
	Life      string      // tells this life of the container from every other one
	ExitCode  int         // of a container that does not run
	EndedAt   time.Time   // the same: when its last life ended, on this machine's clock
	Address   string      // the container's address on the configured network, or its host's
	Published map[int]int // container port to host port; nil when Address is the container's own
}

// NoLife is the life of a container that does not run.
const NoLife = "none"

// Moment is when something was asked of a container, and the life that it was in then. A clock may be set back, and a life
// that begins later be dated earlier: so lives tell, and dates only where a life is not known.
type Moment struct {
	At   time.Time
	Life string // as Place has it, NoLife, or "" when it could not be told
}

// IsZero reports whether it was never asked.
func (m Moment) IsZero() bool { return m.At.IsZero() }

// Moment is this one: what is asked now is asked in the life that the container is in.
func (p Place) Moment() Moment {
	if !p.Running {
		return Moment{p.StartedAt, NoLife}
	}
	return Moment{p.StartedAt, p.Life}
}

// Before reports whether the life that a running container is in, or the last one of one that has ended, began after this moment.
func (m Moment) Before(p Place) bool {
	if m.Life != "" && p.Life != "" {
		return p.Life != m.Life
	}
	return p.StartedAt.After(m.At)
}

// Port is the port at Address that leads to a port of the container; 0 when that port is not published.
func (p Place) Port(containerPort int) int {
	if p.Published == nil {
		return containerPort
	}
	return p.Published[containerPort]
}

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error that asking again can't mend, such as a wrong password. The step fails at once.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

type notYetError struct{ error }

func (e notYetError) Unwrap() error { return e.error }

// NotYet marks an error of Set that is no failure: what is asked can't take the request yet. It is asked again soon, and
// nobody is told.
func NotYet(err error) error {
	if err == nil {
		return nil
	}
	return notYetError{err}
}

// IsNotYet reports whether an error, or one that it wraps, was marked with NotYet.
func IsNotYet(err error) bool {
	var n notYetError
	return errors.As(err, &n)
}

type noEffectError struct{ error }

func (e noEffectError) Unwrap() error { return e.error }

// NoEffect marks an error of Set after which it is certain that this request has had no effect and will have none. A step
// of which every request was refused has changed nothing, so its way back need not undo it by force.
func NoEffect(err error) error {
	if err == nil {
		return nil
	}
	return noEffectError{err}
}

// HadNoEffect reports whether an error, or one that it wraps, was marked with NoEffect.
func HadNoEffect(err error) bool {
	var r noEffectError
	return errors.As(err, &r)
}

// IsPermanent reports whether an error, or one that it wraps, was marked with Permanent.
func IsPermanent(err error) bool {
	var p permanentError
	return errors.As(err, &p)
}
