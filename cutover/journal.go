package cutover

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// JournalVersion is the version of the journal's form that this code writes. A newer one is refused.
const JournalVersion = 1

// Direction says which way a run goes.
type Direction string

// The directions.
const (
	Forward Direction = "forward"
	Back    Direction = "back"
)

// Outcome is how a run ended. The empty Outcome means that it has not: resume or rollback carries it on.
type Outcome string

// The outcomes. Each has an exit code of its own.
const (
	Done        Outcome = "done"
	NothingToDo Outcome = "nothing-to-do"
	Refused     Outcome = "refused"
	RolledBack  Outcome = "rolled-back"
	Stuck       Outcome = "stuck"
	LockTrouble Outcome = "lock"
	Interrupted Outcome = "stopped"
)

// ExitCode is the process's exit code for an outcome; a contract with whoever scripts the command.
func (o Outcome) ExitCode() int {
	switch o {
	case Done, NothingToDo:
		return 0
	case Refused:
		return 1
	case RolledBack:
		return 2
	case Stuck:
		return 3
	case LockTrouble:
		return 4
	default:
		return 5
	}
}

// Journal is all that a run must remember: what it wants to do and how far it has come. It is saved before every
// request, so the step at the cursor may always be in flight.
type Journal struct {
	Version   int       `json:"version"`
	Rev       uint64    `json:"rev"` // counts the saves; the store compares it
	Plan      Plan      `json:"plan"`
	Direction Direction `json:"direction"`
	TurnedAt  int       `json:"turned_at"` // the plan's step in flight when the run turned round
	Cursor    int       `json:"cursor"`    // position in Steps
	Outcome   Outcome   `json:"outcome,omitempty"`
	Reason    string    `json:"reason,omitempty"` // why it turned round, or why it is stuck
	Started   time.Time `json:"started"`
	Warnings  []string  `json:"warnings,omitempty"` // what went on in spite of a failure
	Without   []string  `json:"without,omitempty"`  // load balancers the operator took out of the agreement
	History   []Entry   `json:"history,omitempty"`
}

// Entry is one step as it went. The last entry of an open journal may be in flight: its Ended is zero.
type Entry struct {
	N         int           `json:"n"` // the step's number, counted from 1 in its direction
	Step      Step          `json:"step"`
	Direction Direction     `json:"direction"`
	Started   time.Time     `json:"started"`              // the first request was about to be made
	Asked     time.Time     `json:"asked"`                // every target had been asked once
	Arrived   time.Time     `json:"arrived"`              // the observation that began the hold
	Ended     time.Time     `json:"ended"`                // the step was over
	Saving    time.Duration `json:"saving"`               // spent on the journal before it
	WaitedFor string        `json:"waited_for,omitempty"` // what was still missing when last it was not there
	Cut       int           `json:"cut,omitempty"`        // connections that were given up because their budget was over
	Failed    string        `json:"failed,omitempty"`
	Untouched bool          `json:"untouched,omitempty"` // it has ended, and no request of it can have had an effect
	// Lives and LivesAfter are those that the targets of a step which quiesces or stops them were in when it began, and when it
	// had ended. One that could not be told is missing.
	Lives      map[string]string `json:"lives,omitempty"`
	LivesAfter map[string]string `json:"lives_after,omitempty"`
}

// NewJournal begins a run of a plan.
func NewJournal(plan Plan, now time.Time) Journal {
	return Journal{Version: JournalVersion, Plan: plan, Direction: Forward, Started: now}
}

// Open reports whether there is something to resume.
func (j Journal) Open() bool { return j.Version != 0 && (j.Outcome == "" || j.Outcome == Stuck) }

// Steps are the steps of the run's direction; Cursor is a position in them.
func (j Journal) Steps() []Step {
	if j.Direction == Back {
		return j.Plan.Back(j.TurnedAt)
	}
	return j.Plan.Steps
}

// TurnRound makes the run go back from where it is. It is an error when the step at the cursor, or one before it,
// is one-way. A run that goes back already is left as it is.
func (j *Journal) TurnRound(reason string) error {
	if j.Direction == Back {
		return nil
	}
	if !j.Plan.CanGoBack(j.Cursor) {
		return errors.New("old containers are being removed already: there is no way back, resume finishes the removal")
	}
	j.Direction, j.TurnedAt, j.Cursor, j.Reason, j.Outcome = Back, j.Cursor, 0, reason, ""
	return nil
}

// QuiescedAt is when a target was last asked to be quiesced: the end of that step, or, for as long as it is open, its
// beginning; or the zero moment. A container started later than that is active again.
func (j Journal) QuiescedAt(target string) Moment {
	return j.lastAsked(target, func(e Entry) bool { return e.Step.quiesces() && !e.Untouched })
}

// QuiesceBegan is when the rollout first asked a target to be quiesced on its way forward, or the zero moment. A life that
// began later has taken the place of one that ended while it was quiescing.
func (j Journal) QuiesceBegan(target string) Moment {
	for _, entry := range j.History {
		if entry.Direction == Forward && !entry.Untouched && entry.Step.quiesces() && slices.Contains(entry.Step.Targets, target) {
			return Moment{entry.Started, entry.Lives[target]}
		}
	}
	return Moment{}
}

// StopAskedAt is the latest moment at which a target that ran may have been asked to stop, or the zero moment. The life
// that it was in then is over, or about to be.
func (j Journal) StopAskedAt(target string) Moment {
	return j.lastAsked(target, func(e Entry) bool { return e.Step.stops() })
}

func (j Journal) lastAsked(target string, is func(Entry) bool) Moment {
	for i := len(j.History) - 1; i >= 0; i-- {
		entry := j.History[i]
		if !is(entry) || !slices.Contains(entry.Step.Targets, target) {
			continue
		}
		if entry.Ended.IsZero() {
			return Moment{entry.Started, entry.Lives[target]}
		}
		return Moment{entry.Ended, entry.LivesAfter[target]}
	}
	return Moment{}
}

// Check refuses a journal that this code can't carry on.
func (j Journal) Check() error {
	if j.Version > JournalVersion { // nothing else of it can be judged
		return fmt.Errorf("journal: version %d was written by a newer cutover (this one reads up to %d): use that one", j.Version, JournalVersion)
	}
	if j.Version < 1 {
		return errors.New("journal: it has no version: it was changed by something else")
	}
	if j.Direction != Forward && j.Direction != Back {
		return fmt.Errorf("journal: its direction is %q: it was changed by something else", j.Direction)
	}
	if at := j.TurnedAt; j.Direction == Back && (at < -1 || at > len(j.Plan.Steps)) {
		return fmt.Errorf("journal: it turned round at step %d of %d: it was changed by something else", at+1, len(j.Plan.Steps))
	}
	if all := len(j.Steps()); j.Cursor < 0 || j.Cursor > all {
		return fmt.Errorf("journal: it is at step %d of %d: it was changed by something else", j.Cursor+1, all)
	}
	return nil
}
