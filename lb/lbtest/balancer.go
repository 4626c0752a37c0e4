// Package lbtest holds the contracts of lb's interfaces as test suites. Every adapter must pass them, against fakes in
// its unit tests and against the real thing in the integration suite.
package lbtest

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/lb"
)

// patience bounds every wait of these suites; none of them takes that long.
const patience = 20 * time.Second

// BalancerFixture is what the suite for balancers needs.
type BalancerFixture struct {
	Balancer    lb.Balancer
	Up          netip.AddrPort // a server that runs in every running worker
	Absent      netip.AddrPort // leads nowhere
	Unreachable lb.Balancer    // the same kind, configured for an address where nothing answers
	Secret      string         // appears in the configuration and must not appear in errors; may be empty
	CanHold     bool           // the balancer lets servers be held at runtime
}

// Balancer checks the contract of lb.Balancer.
func Balancer(t *testing.T, f BalancerFixture) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	t.Run("a running server is seen, twice alike", func(t *testing.T) {
		for range 2 {
			if ok, detail := look(ctx, t, f.Balancer, f.Up).Runs(f.Up); !ok {
				t.Fatalf("server %s: %s, want UP", f.Up, detail)
			}
		}
	})
	t.Run("an absent server is absent and drained", func(t *testing.T) {
		view := look(ctx, t, f.Balancer, f.Absent)
		if ok, _ := view.Runs(f.Absent); ok {
			t.Errorf("server %s runs, want absent", f.Absent)
		}
		if ok, detail := view.Away(f.Absent); !ok {
			t.Errorf("server %s is not away: %s", f.Absent, detail)
		}
	})
	t.Run("check finds nothing wrong", func(t *testing.T) {
		if err := f.Balancer.Check(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("hold and release can be repeated", func(t *testing.T) { hold(ctx, t, f) })
	t.Run("unreachable is an error that names it", func(t *testing.T) {
		_, lookErr := f.Unreachable.Look(ctx, []netip.AddrPort{f.Up})
		_, holdErr := f.Unreachable.Hold(ctx, []netip.AddrPort{f.Up}, true)
		for what, err := range map[string]error{"look": lookErr, "hold": holdErr, "check": f.Unreachable.Check(ctx)} {
			refused(t, what, err, f.Unreachable.Name(), f.Secret)
		}
	})
	t.Run("a context that has ended is honoured", func(t *testing.T) {
		ended, end := context.WithCancel(ctx)
		end()
		if _, err := f.Balancer.Look(ended, []netip.AddrPort{f.Up}); !errors.Is(err, context.Canceled) {
			t.Errorf("look: %v, want context.Canceled", err)
		}
	})
}

func hold(ctx context.Context, t *testing.T, f BalancerFixture) {
	t.Helper()
	at := []netip.AddrPort{f.Up}
	for range 2 {
		note, err := f.Balancer.Hold(ctx, at, true)
		if err != nil {
			t.Fatal(err)
		}
		if f.CanHold != (note == "") {
			t.Fatalf("note %q, want one: %v", note, !f.CanHold)
		}
	}
	if !f.CanHold {
		return
	}
	view := look(ctx, t, f.Balancer, f.Up)
	for _, w := range view.Workers {
		for _, s := range w.Servers {
			if !w.Old && s.Status != lb.Maint {
				t.Errorf("held server %s is %s, want MAINT", s.Name, s.Status)
			}
		}
	}
	if ok, _ := view.Away(f.Up); ok {
		t.Error("a server that was only held counts as away")
	}
	for range 2 {
		if _, err := f.Balancer.Hold(ctx, at, false); err != nil {
			t.Fatal(err)
		}
	}
	if ok, detail := look(ctx, t, f.Balancer, f.Up).Runs(f.Up); !ok {
		t.Errorf("released server: %s, want UP", detail)
	}
}

func look(ctx context.Context, t *testing.T, b lb.Balancer, e netip.AddrPort) lb.View {
	t.Helper()
	view, err := b.Look(ctx, []netip.AddrPort{e})
	if err != nil {
		t.Fatal(err)
	}
	if len(view.Workers) == 0 {
		t.Fatal("a view without workers")
	}
	return view
}

// refused checks an error that must be there, name what it is about, and keep secrets.
func refused(t *testing.T, what string, err error, name, secret string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%s: no error", what)
	case !strings.Contains(err.Error(), name):
		t.Errorf("%s: %q does not name %s", what, err, name)
	case secret != "" && strings.Contains(err.Error(), secret):
		t.Errorf("%s: the error tells a secret", what)
	}
}
