package lbtest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cutover/cutover/lb"
)

// FakeIntent is a registry in memory that behaves as Consul's agent does. It is for one goroutine.
type FakeIntent struct {
	Regs   map[string]lb.Registration
	Checks map[string]lb.Check // the check that each id was registered with
	Log    []string            // every change that was asked for, in order
	Err    error               // returned by every call when set
}

// NewFakeIntent returns a registry that holds these registrations.
func NewFakeIntent(regs ...lb.Registration) *FakeIntent {
	f := &FakeIntent{Regs: map[string]lb.Registration{}, Checks: map[string]lb.Check{}}
	for _, r := range regs {
		f.Regs[r.ID] = r
	}
	return f
}

// Find implements lb.Intent.
func (f *FakeIntent) Find(ctx context.Context, serviceName string, ids []string, address string, port int) ([]lb.Registration, error) {
	var found []lb.Registration
	for _, r := range f.Regs {
		if r.Service == serviceName && (slices.Contains(ids, r.ID) || (r.Address == address && r.Port == port)) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b lb.Registration) int { return strings.Compare(a.ID, b.ID) })
	return found, f.fail(ctx)
}

// Register implements lb.Intent.
func (f *FakeIntent) Register(ctx context.Context, r lb.Registration) error {
	f.Log = append(f.Log, "register "+r.ID)
	if err := f.fail(ctx); err != nil {
		return err
	}
	f.Checks[r.ID] = r.Check
	r.Maintenance, r.Passing = true, false
	f.Regs[r.ID] = r
	return nil
}

// Maintain implements lb.Intent.
func (f *FakeIntent) Maintain(ctx context.Context, id string, on bool, _ string) error {
	f.Log = append(f.Log, fmt.Sprintf("maintain %s %v", id, on))
	r, ok := f.Regs[id]
	if !ok {
		return fmt.Errorf("unknown service id %q", id)
	}
	if err := f.fail(ctx); err != nil {
		return err
	}
	r.Maintenance = on
	f.Regs[id] = r
	return nil
}

// Deregister implements lb.Intent.
func (f *FakeIntent) Deregister(ctx context.Context, id string) error {
	f.Log = append(f.Log, "deregister "+id)
	if err := f.fail(ctx); err != nil {
		return err
	}
	delete(f.Regs, id)
	return nil
}

func (f *FakeIntent) fail(ctx context.Context) error {
	if f.Err != nil {
		return f.Err
	}
	return ctx.Err()
}

// FakeBalancer shows the view that a test gives it. It is for one goroutine.
type FakeBalancer struct {
	Label   string
	View    lb.View
	Err     error            // returned by every call when set
	Failing func() error     // asked for an error by every call when set
	Note    string           // what Hold says
	OnHold  func(on bool)    // called by Hold
	Held    []netip.AddrPort // the endpoints of every Hold
}

// Name implements lb.Balancer.
func (f *FakeBalancer) Name() string { return f.Label }

// Look implements lb.Balancer.
func (f *FakeBalancer) Look(ctx context.Context, _ []netip.AddrPort) (lb.View, error) {
	return f.View, f.fail(ctx)
}

// Hold implements lb.Balancer.
func (f *FakeBalancer) Hold(ctx context.Context, at []netip.AddrPort, on bool) (string, error) {
	f.Held = append(f.Held, at...)
	if f.OnHold != nil {
		f.OnHold(on)
	}
	return f.Note, f.fail(ctx)
}

// Check implements lb.Balancer.
func (f *FakeBalancer) Check(ctx context.Context) error { return f.fail(ctx) }

func (f *FakeBalancer) fail(ctx context.Context) error {
	err := f.Err
	if err == nil && f.Failing != nil {
		err = f.Failing()
	}
	if err != nil {
		return fmt.Errorf("look into load balancer %s: %w", f.Label, err)
	}
	return ctx.Err()
}
