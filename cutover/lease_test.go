package cutover_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// A request that could land after the lock is somebody else's is not made: the owner waits until the renewal is confirmed.
func TestNothingIsAskedThatTheLeaseDoesNotCover(t *testing.T) {
	m := newModel(t, 2, nil)
	var awayFrom, back time.Time
	m.store.Covered = func() time.Duration {
		now := m.world.Clock.Now()
		if len(m.world.Requests) == 5 && awayFrom.IsZero() {
			awayFrom, back = now, now.Add(5*time.Second)
		}
		if !awayFrom.IsZero() && now.Before(back) {
			return time.Second
		}
		return 15 * time.Second
	}
	m.world.Before = func(request string) {
		if now := m.world.Clock.Now(); !awayFrom.IsZero() && now.Before(back) {
			t.Errorf("%s was asked for while the lease covered a second only", request)
		}
	}
	m.ended(m.apply(), cutover.Done)
	m.isNew()
	if awayFrom.IsZero() {
		t.Error("the lease was never short: the test shows nothing")
	}
}

// What is asked for ends, at the latest, when the lease does.
func TestDeadlineOfARequestIsWithinTheLease(t *testing.T) {
	m := newModel(t, 1, nil)
	m.store.Covered = func() time.Duration { return 4 * time.Second }
	asked := 0
	for kind, resource := range m.runner.Resources {
		m.runner.Resources[kind] = deadlines{resource, func(ctx context.Context) {
			asked++
			if at, bounded := ctx.Deadline(); !bounded || time.Until(at) > 4*time.Second {
				t.Errorf("a request may take until %v, the lease covers 4s", at)
			}
		}}
	}
	m.ended(m.apply(), cutover.Done)
	if asked == 0 {
		t.Error("nothing was asked for")
	}
}

// A lease that is never confirmed again ends the run with the step's deadline; it says so and touches nothing more.
func TestLeaseThatIsNeverConfirmedAgain(t *testing.T) {
	m := newModel(t, 2, nil)
	m.store.Covered = func() time.Duration {
		if len(m.world.Requests) >= 5 {
			m.store.Fail = func(int) error { return context.DeadlineExceeded }
			return 0
		}
		return cutover.Forever
	}
	journal := m.apply()
	m.ended(journal, cutover.Interrupted)
	if len(m.world.Requests) != 5 || !strings.Contains(journal.Reason, "save the journal") {
		t.Errorf("%d requests, %q", len(m.world.Requests), journal.Reason)
	}
}

// A process can be paused right after it was told what is left of its lease: the pause is no part of what it may take.
func TestPauseAfterTheLeaseWasToldIsNotAdded(t *testing.T) {
	m := newModel(t, 1, nil)
	var told time.Time
	m.store.Covered = func() time.Duration {
		told = time.Now()
		<-time.After(20 * time.Millisecond)
		return 4 * time.Second
	}
	for kind, resource := range m.runner.Resources {
		m.runner.Resources[kind] = deadlines{resource, func(ctx context.Context) {
			if at, bounded := ctx.Deadline(); !bounded || at.After(told.Add(4*time.Second)) {
				t.Errorf("a request may take until %s after the lease", at.Sub(told.Add(4*time.Second)))
			}
		}}
	}
	m.ended(m.apply(), cutover.Done)
}

type deadlines struct {
	cutover.Resource
	look func(context.Context)
}

func (d deadlines) Set(ctx context.Context, target string, want cutover.State) error {
	d.look(ctx)
	return d.Resource.Set(ctx, target, want)
}
