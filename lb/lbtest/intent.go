package lbtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/lb"
)

// IntentFixture is what the suite for registries needs. The registration may use any service name that the token allows.
type IntentFixture struct {
	Intent      lb.Intent
	Address     string // where something accepts connections, so that a TCP check passes
	Port        int
	Unreachable lb.Intent // the same kind, where nothing answers
	Name        string    // appears in the errors of Unreachable
	Denied      lb.Intent // the same registry with a token that is refused; may be nil
	Secret      string    // the token of all three; may be empty
}

// Intent checks the contract of lb.Intent. It leaves nothing registered.
func Intent(t *testing.T, f IntentFixture) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	want := lb.Registration{
		ID: "lbtest-1", Service: "lbtest", Address: f.Address, Port: f.Port, Tags: []string{"blue"},
		Meta: map[string]string{"k": "v"}, Weights: lb.Weights{Passing: 3, Warning: 1},
		Check: lb.Check{TCP: true, Interval: 100 * time.Millisecond, Timeout: time.Second},
	}
	t.Cleanup(func() { _ = f.Intent.Deregister(context.WithoutCancel(ctx), want.ID) })
	find := func(t *testing.T, ids []string, address string) []lb.Registration {
		t.Helper()
		found, err := f.Intent.Find(ctx, want.Service, ids, address, want.Port)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	t.Run("what is not registered is not found", func(t *testing.T) {
		if found := find(t, []string{want.ID}, want.Address); len(found) != 0 {
			t.Fatalf("found %+v", found)
		}
		if err := f.Intent.Maintain(ctx, want.ID, true, "lbtest"); err == nil {
			t.Error("maintenance of an unknown id: no error")
		}
	})
	t.Run("registered in maintenance from the first moment", func(t *testing.T) {
		for range 2 {
			if err := f.Intent.Register(ctx, want); err != nil {
				t.Fatal(err)
			}
			found := find(t, []string{want.ID}, "")
			if len(found) != 1 || !found[0].Maintenance {
				t.Fatalf("found %+v, want one in maintenance", found)
			}
			same(t, found[0], want)
		}
	})
	t.Run("found by address and port, whatever its id", func(t *testing.T) {
		if found := find(t, []string{"other"}, want.Address); len(found) != 1 || found[0].ID != want.ID {
			t.Errorf("found %+v", found)
		}
		if found := find(t, []string{"other"}, "192.0.2.1"); len(found) != 0 {
			t.Errorf("found %+v at an address where nothing is", found)
		}
	})
	t.Run("maintenance ends, and begins again, repeatably", func(t *testing.T) {
		for _, on := range []bool{false, false, true, true} {
			if err := f.Intent.Maintain(ctx, want.ID, on, "lbtest"); err != nil {
				t.Fatal(err)
			}
			if found := find(t, []string{want.ID}, ""); len(found) != 1 || found[0].Maintenance != on {
				t.Fatalf("found %+v, want maintenance %v", found, on)
			}
		}
	})
	t.Run("its check passes in the end", func(t *testing.T) {
		until(ctx, t, "the check to pass", func() bool { return find(t, []string{want.ID}, "")[0].Passing })
	})
	t.Run("deregistered, repeatably", func(t *testing.T) {
		for range 2 {
			if err := f.Intent.Deregister(ctx, want.ID); err != nil {
				t.Fatal(err)
			}
		}
		if found := find(t, []string{want.ID}, want.Address); len(found) != 0 {
			t.Errorf("found %+v", found)
		}
	})
	t.Run("unreachable is an error", func(t *testing.T) {
		for what, err := range intentErrors(ctx, f.Unreachable, want) {
			refused(t, what, err, f.Name, f.Secret)
			if cutover.IsPermanent(err) {
				t.Errorf("%s: an agent that can't be reached may come back: %v", what, err)
			}
		}
	})
	if f.Denied != nil {
		t.Run("a refused token is permanent", func(t *testing.T) {
			for what, err := range intentErrors(ctx, f.Denied, want) {
				refused(t, what, err, "service:write", f.Secret)
				if !cutover.IsPermanent(err) {
					t.Errorf("%s: not permanent: %v", what, err)
				}
			}
		})
	}
	t.Run("a context that has ended is honoured", func(t *testing.T) {
		ended, end := context.WithCancel(ctx)
		end()
		for what, err := range intentErrors(ended, f.Intent, want) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v, want context.Canceled", what, err)
			}
		}
	})
}

// intentErrors makes the calls that can all be refused for the same reason.
func intentErrors(ctx context.Context, i lb.Intent, r lb.Registration) map[string]error {
	_, find := i.Find(ctx, r.Service, []string{r.ID}, r.Address, r.Port)
	return map[string]error{"find": find, "register": i.Register(ctx, r)}
}

func same(t *testing.T, got, want lb.Registration) {
	t.Helper()
	if got.ID != want.ID || got.Endpoint() != want.Endpoint() || len(got.Tags) != 1 || got.Tags[0] != "blue" ||
		got.Meta["k"] != "v" || got.Weights != want.Weights {
		t.Errorf("registered %+v, found %+v", want, got)
	}
}
