package cutover

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// Store keeps one journal per service and lets one runner at a time have it.
type Store interface {
	// Acquire takes the service's lock. It does not wait: a lock held by somebody else is a *LockedError.
	Acquire(ctx context.Context, service string) (Session, error)
	// Peek reads without the lock; either answer may be nil.
	Peek(ctx context.Context, service string) (*Journal, *Holder, error)
	// Past lists the rollouts whose journals have been replaced by a later one's, the youngest first, without the lock.
	Past(ctx context.Context, service string) ([]Record, error)
	// Ask leaves a request for the runner that holds the lock. ErrNobody when none does.
	Ask(ctx context.Context, service string, request Request) error
}

// Session is a held lock. Close releases it; a process that dies releases it too.
type Session interface {
	// Load reads the journal; nil when there is none, an error when a newer cutover has written it.
	Load(ctx context.Context) (*Journal, error)
	// Save writes the journal durably and counts its Rev up. It fails with ErrLost, having written nothing, when
	// the lock is no longer held or the stored Rev is not the one the journal was loaded with. A journal of another
	// rollout takes the stored one's place, which becomes a Record.
	Save(ctx context.Context, journal *Journal) error
	// Lost is closed when the lock is no longer held.
	Lost() <-chan struct{}
	// Left is for how long from now on the lock is certainly held, even if nothing more is heard from the store. A
	// request that changes something is made only with a deadline within it: one whose owner sleeps past its lease
	// must not land in somebody else's rollout. It does not block. Forever where the lock dies with its process.
	Left() time.Duration
	// Asked is the request left since the session began, if any. It does not block.
	Asked() (Request, bool)
	Close() error
}

// Forever is Left of a lock that can't be lost while its process lives.
const Forever = time.Duration(math.MaxInt64)

// Holder is who holds a lock.
type Holder struct {
	Who     string    `json:"who"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Rollout string    `json:"rollout,omitempty"`
}

func (h Holder) String() string {
	text := fmt.Sprintf("%s on %s (pid %d) since %s", h.Who, h.Host, h.PID, h.Since.Format(time.RFC3339))
	if h.Rollout != "" {
		text += ", rollout " + h.Rollout
	}
	return text
}

// Request is what another terminal asks of a running rollout.
type Request struct {
	What string    `json:"what"` // RequestAbort
	Who  string    `json:"who"`
	At   time.Time `json:"at"`
}

// RequestAbort asks the runner to stop and go back.
const RequestAbort = "abort"

// ErrLost says that the lock is no longer held.
var ErrLost = errors.New("the lock is no longer held: somebody else may be running this rollout now")

// ErrNobody says that nobody holds the lock.
var ErrNobody = errors.New("no rollout is running")

// LockedError says who holds the lock.
type LockedError struct {
	Service string
	Holder  Holder
	Ended   bool // its owner has lost it, and the store keeps it free for a while, lest a late request of that owner lands
}

func (e *LockedError) Error() string {
	if e.Ended {
		return fmt.Sprintf("lock %s: was lost by %s a moment ago, and is nobody's until what that one had asked for can't land any more: "+
			"try again in 15s, or wait for it with --wait 1m", e.Service, e.Holder)
	}
	return fmt.Sprintf("lock %s: held by %s: wait for it with --wait, watch it with status, or stop it with abort", e.Service, e.Holder)
}
