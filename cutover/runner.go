package cutover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Runner carries a journaled plan out: it saves the cursor, asks, looks until what was asked for has been seen, and
// goes on; when a step fails it turns round. It is one goroutine, the caller's: given the same clock, session and
// resources it does the same, call for call.
type Runner struct {
	Clock     Clock
	Resources map[Kind]Resource
	Emit      func(Event) // may be nil

	Poll map[Kind]time.Duration // between two looks; DefaultPoll where missing
	// Locate tells where a container is, and with it which life it is in; nil: lives are told apart by their dates only.
	Locate func(ctx context.Context, target string) (Place, error)

	AskAgain time.Duration // between two requests of a target that has not arrived; default a second
	Limit    time.Duration // for one request; default 30 s
	Look     time.Duration // for one look; default 5 s

	// Interrupts is how many signals the process has had; Wake can be received from when it has changed.
	Interrupts func() int
	Wake       <-chan struct{}
}

// DefaultPoll is the time between two looks at a kind of target for which none is given.
const DefaultPoll = 100 * time.Millisecond

// Run carries the journal on from its cursor, in its direction, and blocks until it ends or must stop. The
// journal that it returns says how it ended; an open one with the outcome Interrupted or LockTrouble goes on with
// resume or rollback. ctx must not be cancelled by a signal: going back needs it.
func (r *Runner) Run(ctx context.Context, session Session, journal Journal) Journal {
	run := &run{Runner: r, session: session, journal: journal, steps: journal.Steps(), resumed: len(journal.History) > 0}
	if run.journal.Outcome != "" && run.journal.Direction == Forward {
		run.journal.Reason = "" // what it was stuck at is tried again
	}
	run.journal.Outcome = ""
	if run.journal.Direction == Back {
		run.mends = run.journal.Plan.mends(run.journal.TurnedAt, run.journal.Cursor)
	}
	outcome := run.all(ctx)
	run.emit(Event{Type: EventOutcome, Outcome: outcome, Detail: run.journal.Reason})
	if outcome == Interrupted || outcome == LockTrouble {
		run.journal.Outcome = outcome // as reported; what is stored stays open
	}
	return run.journal
}

// run is one call of Run.
type run struct {
	*Runner
	session Session
	journal Journal
	steps   []Step // of the journal's direction
	mends   []Step // of a way back, before the step at its cursor
	asked   bool   // something was asked for in this step, or may have been by a process before this one
	resumed bool   // the first step may be in flight
	heeded  int    // signals acted on
	told    bool   // the operator was told why a request can't be followed
}

// verdict is how a step ended.
type verdict int

const (
	arrived verdict = iota
	failed          // it can't be done, or not in time
	aborted         // the operator wants to go back
	lost            // the lock is gone: touch nothing
	stopped         // the operator wants to stop here
)

func (r *run) all(ctx context.Context) Outcome {
	for r.journal.Cursor < len(r.steps) {
		step := r.next()
		entry, err := r.begin(ctx, step)
		if err != nil {
			return r.notSaved(err)
		}
		result, reason := r.through(ctx, step, entry)
		switch result {
		case arrived:
			r.goOn()
		case lost:
			r.journal.Reason = ErrLost.Error()
			return LockTrouble
		case stopped:
			r.journal.Reason = reason
			return Interrupted
		case failed:
			entry.Failed = reason
			if step.OnTimeout == Warn {
				r.warn(fmt.Sprintf("%s: %s", step, reason))
				r.goOn()
				continue
			}
			if r.journal.Direction == Back {
				return r.stuck(ctx, fmt.Sprintf("going back: %s: %s", step, reason))
			}
			reason = fmt.Sprintf("%s: %s", step, reason)
			fallthrough
		case aborted:
			if step.OneWay && !r.asked {
				r.journal.Cursor-- // nothing of it has been asked for: there is still a way back
			}
			if err := r.journal.TurnRound(reason); err != nil {
				return r.stuck(ctx, fmt.Sprintf("%s; %v", reason, err))
			}
			r.steps, r.mends = r.journal.Steps(), r.journal.Plan.mends(r.journal.TurnedAt, 0)
			r.emit(Event{Type: EventTurn, Detail: reason})
		}
	}
	r.journal.Outcome = Done
	if r.journal.Direction == Back {
		r.journal.Outcome = RolledBack
	}
	if err := r.save(ctx); err != nil {
		r.journal.Outcome = ""
		return r.notSaved(err)
	}
	return r.journal.Outcome
}

// through carries one step out, and notes what it has to be known by later.
func (r *run) through(ctx context.Context, step Step, entry *Entry) (verdict, string) {
	r.tellRestarts(step, entry.Lives)
	result, reason := r.carryOut(ctx, step, entry)
	if result != lost && result != stopped { // then nothing more is saved
		entry.LivesAfter = r.lives(ctx, step)
	}
	entry.Ended = r.Clock.Now()
	return result, reason
}

// next is the step that is to be carried out now: first what a way back mends, then the one at the cursor.
func (r *run) next() Step {
	if len(r.mends) > 0 {
		return r.mends[0]
	}
	return r.steps[r.journal.Cursor]
}

func (r *run) goOn() {
	if len(r.mends) > 0 {
		r.mends = r.mends[1:]
	} else {
		r.journal.Cursor++
	}
}

// begin journals that the step at the cursor may be in flight from now on.
func (r *run) begin(ctx context.Context, step Step) (*Entry, error) {
	r.emit(Event{Type: EventStep, Step: step})
	lives := r.lives(ctx, step)
	before := r.Clock.Now()
	r.asked, r.resumed = r.resumed, false
	r.journal.History = append(r.journal.History, Entry{N: r.journal.Cursor + 1, Step: step, Direction: r.journal.Direction, Started: before, Lives: lives})
	entry := &r.journal.History[len(r.journal.History)-1]
	if err := r.save(ctx); err != nil {
		return nil, err
	}
	for name, life := range r.lives(ctx, step) { // saving may have taken long
		entry.Lives[name] = life
	}
	entry.Started = r.Clock.Now()
	entry.Saving = entry.Started.Sub(before)
	return entry, nil
}

// lives are those that the targets of a step which quiesces or stops them are in now, as far as they can be told.
func (r *run) lives(ctx context.Context, step Step) map[string]string {
	if r.Locate == nil || (!step.quiesces() && !step.stops()) {
		return nil
	}
	ctx, cancel := r.limited(ctx, "looking at "+step.TargetNames(), time.Now(), r.lookLimit())
	defer cancel()
	lives := map[string]string{}
	for range locateTries {
		for _, name := range step.Targets {
			if _, told := lives[name]; told {
				continue
			}
			if place, err := r.Locate(ctx, name); err == nil {
				lives[name] = place.Moment().Life
			}
		}
	}
	return lives
}

// tellRestarts warns of nodes that, about to be quiesced, are not in the life in which the plan found them: nobody has flushed what
// they held in that one.
func (r *run) tellRestarts(step Step, lives map[string]string) {
	if !step.quiesces() || r.journal.Direction != Forward {
		return
	}
	for _, node := range r.journal.Plan.World.Nodes {
		life := lives[node.Name]
		if life == "" || life == NoLife || node.Life == "" || life == node.Life {
			continue
		}
		text := node.Name + ": it was restarted, by Docker or by hand, after the rollout was planned: what it held in memory then was not flushed"
		if !slices.Contains(r.journal.Warnings, text) {
			r.warn(text)
		}
	}
}

// locateTries is how often an engine is asked for a life that it does not tell.
const locateTries = 3

func (r *run) lookLimit() time.Duration { return orDefault(r.Look, 5*time.Second) }

func (r *run) save(ctx context.Context) error {
	ctx, cancel := r.limited(ctx, "saving the journal", time.Now(), orDefault(r.Limit, 30*time.Second))
	defer cancel()
	return r.session.Save(ctx, &r.journal)
}

// notSaved ends the run where it is: nothing has been asked that the stored journal does not know of.
func (r *run) notSaved(err error) Outcome {
	r.journal.Reason = fmt.Sprintf("save the journal: %v", err)
	if errors.Is(err, ErrLost) {
		return LockTrouble
	}
	return Interrupted
}

func (r *run) stuck(ctx context.Context, reason string) Outcome {
	r.journal.Outcome, r.journal.Reason = Stuck, reason
	if err := r.save(ctx); err != nil {
		r.warn(fmt.Sprintf("the journal does not say yet that the run is stuck: %v", err))
	}
	return Stuck
}

func (r *run) warn(text string) {
	r.journal.Warnings = append(r.journal.Warnings, text)
	r.emit(Event{Type: EventWarning, Detail: text})
}

func (r *run) emit(event Event) {
	if r.Emit == nil {
		return
	}
	event.At = r.Clock.Now()
	event.Direction = r.journal.Direction
	event.Number = r.journal.Cursor + 1
	event.Of = len(r.steps)
	r.Emit(event)
}

// limited bounds one call to a resource or the store, which may take limit from a moment on.
func (r *run) limited(ctx context.Context, doing string, from time.Time, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithDeadlineCause(ctx, from.Add(limit), fmt.Errorf("no answer within %s while %s", limit, doing))
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return fallback
}

// interrupted looks at what may end a step from outside, always in the same order: the lock, a request from
// another terminal, signals.
func (r *run) interrupted() (verdict, string, bool) {
	if r.lockLost() {
		return lost, "", true
	}
	if request, ok := r.session.Asked(); ok && request.What == RequestAbort && !r.told {
		r.told = true
		if r.canTurn() {
			return aborted, "aborted by " + request.Who, true
		}
		r.emit(Event{Type: EventNotice, Detail: "abort was asked for by " + request.Who + ", but " + r.whyNotTurn()})
	}
	if r.Interrupts == nil {
		return 0, "", false
	}
	for r.heeded < r.Interrupts() {
		r.heeded++
		switch {
		case r.heeded > 1:
			return stopped, "stopped by a second signal", true
		case r.canTurn():
			return aborted, "aborted by a signal", true
		default:
			r.emit(Event{Type: EventNotice, Detail: r.whyNotTurn() + "; a second signal stops the run where it is"})
		}
	}
	return 0, "", false
}

func (r *run) lockLost() bool {
	select {
	case <-r.session.Lost():
		return true
	default:
		return false
	}
}

func (r *run) canTurn() bool {
	at := r.journal.Cursor
	if !r.asked {
		at--
	}
	return r.journal.Direction == Forward && r.journal.Plan.CanGoBack(at)
}

func (r *run) whyNotTurn() string {
	if r.journal.Direction == Back {
		return "the run is going back already"
	}
	return "old containers are being removed already: the run goes on to its end"
}

func (r *run) poll(kind Kind) time.Duration {
	return orDefault(r.Poll[kind], DefaultPoll)
}

func missing(seen []Seen, there func(Seen) bool) string {
	i := slices.IndexFunc(seen, func(s Seen) bool { return !there(s) })
	if i < 0 {
		return ""
	}
	text := seen[i].String()
	if more := len(seen) - i - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more targets)", more)
	}
	return text
}
