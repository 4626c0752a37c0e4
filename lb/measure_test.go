package lb_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/lbtest"
)

// board is a registry that a canary can be announced at, and whoever follows it.
type board struct {
	*lbtest.FakeIntent
	mu      sync.Mutex
	ids     map[string]netip.AddrPort
	changed time.Time
	stuck   error // of every removal
}

func (b *board) Announce(ctx context.Context, id string, at netip.AddrPort) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ids[id], b.changed = at, time.Now()
	return ctx.Err()
}

func (b *board) Heard(ctx context.Context, id string, present bool) error {
	for {
		b.mu.Lock()
		_, there := b.ids[id]
		b.mu.Unlock()
		if there == present {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

func (b *board) Deregister(ctx context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stuck != nil {
		return b.stuck
	}
	delete(b.ids, id)
	b.changed = time.Now()
	return ctx.Err()
}

// renders is a balancer that follows the board after a while, or never.
type renders struct {
	*lbtest.FakeBalancer
	board *board
	after time.Duration
	never bool
}

func (r *renders) Look(ctx context.Context, at []netip.AddrPort) (lb.View, error) {
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	present := len(r.board.ids) > 0
	if time.Since(r.board.changed) < r.after {
		present = !present
	}
	w := lb.Worker{ID: "1"}
	if present && !r.never {
		w.Servers = []lb.Server{{Endpoint: at[0], Name: "cutover-canary/x", Status: lb.Maint}}
	}
	return lb.View{Workers: []lb.Worker{w, {ID: "0", Old: true, Servers: []lb.Server{{Endpoint: at[0]}}}}}, ctx.Err()
}

func measured(t *testing.T) (*board, *lb.Members) {
	t.Helper()
	b := &board{FakeIntent: lbtest.NewFakeIntent(), ids: map[string]netip.AddrPort{}}
	w := newWorld()
	w.cfg.Agent = func(string) lb.Intent { return b }
	w.cfg.Now = time.Now
	w.cfg.Balancers = []lb.Balancer{
		&renders{FakeBalancer: &lbtest.FakeBalancer{Label: "lb-1"}, board: b, after: 100 * time.Millisecond},
		&renders{FakeBalancer: &lbtest.FakeBalancer{Label: "lb-2"}, board: b, never: true},
	}
	return b, w.members(t)
}

func TestMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, m := measured(t)
		clocks, err := m.Measure(t.Context(), "a1b2")
		if err != nil || len(clocks) != 3 || len(b.ids) != 0 {
			t.Fatalf("%+v, %v; left over: %v", clocks, err, b.ids)
		}
		if c := clocks[0]; c.Who != lb.Registry || !c.Seen || c.Came > 5*time.Millisecond {
			t.Errorf("%+v", c)
		}
		for _, took := range []time.Duration{clocks[1].Came, clocks[1].Went} {
			if took < 100*time.Millisecond || took > 110*time.Millisecond {
				t.Errorf("lb-1 takes 100ms, measured %+v", clocks[1])
			}
		}
		if clocks[2].Seen {
			t.Errorf("lb-2 never has it: %+v", clocks[2])
		}
	})
}

// Whatever happens, the canary is removed, or it is said that it could not be.
func TestMeasureLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, m := measured(t)
		ctx, interrupt := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, interrupt)
		if _, err := m.Measure(ctx, "a1b2"); err == nil || len(b.ids) != 0 {
			t.Errorf("interrupted: %v, left over: %v", err, b.ids)
		}
		b.stuck = errors.New("no answer")
		if _, err := m.Measure(t.Context(), "a1b2"); err == nil || !strings.Contains(err.Error(), "cutover-canary-a1b2 is still registered") {
			t.Errorf("%v", err)
		}
	})
}
