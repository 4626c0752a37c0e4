package cutover

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// attempt is one step being carried out.
type attempt struct {
	*run
	step     Step
	entry    *Entry
	began    time.Time
	deadline time.Time
	targets  []target
	touched  bool      // a request may have had an effect
	held     time.Time // when all targets were first seen arrived, without a gap since
}

type target struct {
	name  string
	asked bool      // a request was made without an error
	last  time.Time // when the last request was made
	err   error     // of the last request
}

// carryOut asks every target of a step, always, even where it looks right already: an earlier request that timed
// out can still land, and only a later one is sure to win over it. Then it looks until all have been seen to have
// arrived for as long as the step holds.
func (r *run) carryOut(ctx context.Context, step Step, entry *Entry) (verdict, string) {
	a := &attempt{run: r, step: step, entry: entry, began: r.Clock.Now(), deadline: r.Clock.Now().Add(step.Timeout + step.Hold)}
	for _, name := range step.Targets {
		a.targets = append(a.targets, target{name: name})
	}
	defer func() { entry.Untouched = !a.touched }()
	for {
		if result, reason, ended := r.interrupted(); ended {
			return result, reason
		}
		late := !r.Clock.Now().Before(a.deadline)
		if late && !a.askedAll() {
			return failed, a.timeout(nil)
		}
		if err := a.ask(ctx); err != nil {
			return failed, err.Error()
		}
		looked := a.Clock.Now()
		seen := a.look(ctx)
		if result, reason, ended := a.judge(seen, looked, late); ended {
			return result, reason
		}
		r.Clock.Wait(a.pause(), r.session.Lost(), r.Wake)
	}
}

// ask makes the requests that are due: the first one, one after an error, and one a second while a target has not
// been seen to arrive. Its error is permanent.
func (a *attempt) ask(ctx context.Context) error {
	if !a.held.IsZero() {
		return nil
	}
	for i := range a.targets {
		t := &a.targets[i]
		now := a.Clock.Now()
		if t.asked && now.Sub(t.last) < a.askAgain() {
			continue
		}
		if t.err != nil && now.Sub(t.last) < a.askAgain()/10 {
			continue
		}
		if a.lockLost() {
			return nil // the loop sees it next
		}
		t.last = now
		from, limit := time.Now(), a.callLimit() // a process that is paused once Left has been told gets no more for it
		if left := a.session.Left(); left < limit {
			if left < shortest {
				t.err = errNotCovered
				continue
			}
			limit = left
		}
		a.asked = true
		call, cancel := a.limited(ctx, "asking "+t.name+" to be "+string(a.step.To), from, limit)
		t.err = withCause(call, a.Resources[a.step.Kind].Set(call, t.name, a.step.To))
		cancel()
		a.touched = a.touched || !HadNoEffect(t.err)
		t.asked = t.asked || t.err == nil
		a.emit(Event{Type: EventAsked, Step: a.step, Target: t.name, Err: t.err, Deadline: a.deadline})
		if IsPermanent(t.err) {
			return t.err
		}
	}
	if a.entry.Asked.IsZero() && a.askedAll() {
		a.entry.Asked = a.Clock.Now()
	}
	return nil
}

func (a *attempt) askedAll() bool {
	for _, t := range a.targets {
		if !t.asked {
			return false
		}
	}
	return true
}

func (a *attempt) look(ctx context.Context) []Seen {
	seen := make([]Seen, len(a.targets))
	for i, t := range a.targets {
		call, cancel := a.limited(ctx, "looking at "+t.name, time.Now(), a.lookLimit())
		observation, err := a.Resources[a.step.Kind].Observe(call, t.name)
		seen[i] = Seen{Target: t.name, Observation: observation, Err: withCause(call, err)}
		cancel()
	}
	return seen
}

// judge decides whether one look ends the step. A look takes time: what was seen in it was so when it began, at looked, and the
// hold counts from the end of the first to the beginning of the last.
func (a *attempt) judge(seen []Seen, looked time.Time, late bool) (verdict, string, bool) {
	now := a.Clock.Now()
	all := a.arrived(seen)
	switch {
	case !all:
		a.held = time.Time{}
		a.entry.WaitedFor = a.stillMissing(seen)
	case a.held.IsZero():
		a.held, a.entry.Arrived = now, now
	}
	a.emit(Event{Type: EventProgress, Step: a.step, Seen: seen, Deadline: a.deadline, HeldSince: a.held})
	if all && (a.step.Hold == 0 || looked.Sub(a.held) >= a.step.Hold) {
		for _, s := range seen {
			if s.Warning != "" {
				a.warn(s.Target + ": " + s.Warning)
			}
			a.entry.Cut += s.Cut
		}
		a.emit(Event{Type: EventArrived, Step: a.step, Seen: seen})
		return arrived, "", true
	}
	for _, s := range seen {
		if IsPermanent(s.Err) {
			return failed, s.Target + ": " + s.Err.Error(), true
		}
		if s.Err == nil && s.State != a.step.To && s.Doomed != "" && !a.lastResort() {
			return failed, s.Target + ": " + s.Doomed, true
		}
	}
	if !late {
		return 0, "", false
	}
	if a.step.mayCut() && a.askedAll() && onlyStragglers(seen, a.step.To) {
		a.warn(fmt.Sprintf("%s: work in flight was cut after %s: %s", a.step, short(a.step.Timeout), missing(seen, a.there)))
		return arrived, "", true
	}
	return failed, a.timeout(seen), true
}

// arrived reports whether every target was asked and has been seen where it was asked to be.
func (a *attempt) arrived(seen []Seen) bool {
	for i, s := range seen {
		if !a.there(s) || (!a.targets[i].asked && !a.gone(s)) {
			return false
		}
	}
	return true
}

func (a *attempt) there(s Seen) bool {
	return s.Err == nil && (s.State == a.step.To || a.beyond(s))
}

// gone reports whether a target is beyond and not there at all, so that it can't be asked.
func (a *attempt) gone(s Seen) bool { return a.beyond(s) && (s.State == Absent || s.State == Out) }

// beyond reports whether, on the way back and down a ladder, a target is found lower than it was asked to be: a new
// container that died, and with it what was to be taken back.
func (a *attempt) beyond(s Seen) bool {
	at, to := rung(a.step.Kind, s.State), rung(a.step.Kind, a.step.To)
	return s.Err == nil && a.journal.Direction == Back && at >= 0 && at < to && to < rung(a.step.Kind, a.step.From)
}

// lastResort reports whether there is nothing left to turn to when this step fails, so that its time is used up: an old container
// that ended right after it was started may have met an engine that was shutting down, and is started again.
func (a *attempt) lastResort() bool { return a.journal.Direction == Back && a.step.OnTimeout == Fail }

func onlyStragglers(seen []Seen, want State) bool {
	for _, s := range seen {
		if s.Err != nil || (s.State != want && !s.Stragglers) {
			return false
		}
	}
	return true
}

func (a *attempt) stillMissing(seen []Seen) string {
	for _, t := range a.targets {
		if t.err != nil && !IsNotYet(t.err) {
			return t.err.Error()
		}
	}
	return missing(seen, a.there)
}

func (a *attempt) timeout(seen []Seen) string {
	what := a.stillMissing(seen)
	if what == "" {
		what = "it did not stay so for " + short(a.step.Hold)
	}
	return fmt.Sprintf("not %s within %s: %s", a.step.To, short(a.step.Timeout+a.step.Hold), what)
}

// pause is the time to the next look: the poll interval, or less when the hold or the deadline is over sooner. After a
// while it is a fifteenth of what was waited, up to slowest, and in a long hold a hundredth of that, up to DefaultPoll: looking
// costs, and little is gained by it then.
func (a *attempt) pause() time.Duration {
	now := a.Clock.Now()
	pause := a.poll(a.step.Kind)
	if a.held.IsZero() {
		pause = max(pause, min(now.Sub(a.began)/15, slowest))
	}
	if !a.held.IsZero() {
		pause = max(pause, min(a.step.Hold/100, DefaultPoll))
		pause = min(pause, a.held.Add(a.step.Hold).Sub(now))
	}
	return max(min(pause, a.deadline.Sub(now)), time.Millisecond)
}

// slowest is the longest time between two looks while a target has not arrived.
const slowest = 200 * time.Millisecond

func (a *attempt) askAgain() time.Duration { return orDefault(a.AskAgain, time.Second) }

// callLimit bounds one request: by the runner's limit, and by a third of what is left of the step, so that one which
// hangs does not take the time of those that would be answered. It is never too short to be answered.
func (a *attempt) callLimit() time.Duration {
	left := a.deadline.Sub(a.Clock.Now())
	return min(orDefault(a.Limit, 30*time.Second), max(left/3, shortest))
}

// shortest is the least time that a request is given.
const shortest = 2 * time.Second

var errNotCovered = errors.New("nothing is asked for: the lock's renewal was not confirmed in time (can the store be reached?)")

// withCause lets a timed-out call say what it waited for.
func withCause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}
