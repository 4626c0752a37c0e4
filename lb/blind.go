package lb

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Blind is a balancer that can't be looked into. It agrees once settle has passed since the registry was first seen
// to hold what is wanted. That is a guess and not a proof: a plan with a blind balancer says UNCONFIRMED.
type Blind struct {
	balancerName string
	settle       time.Duration
}

// NewBlind describes a balancer that can't be looked into. A settle time that is not positive is refused.
func NewBlind(balancerName string, settle time.Duration) (*Blind, error) {
	if settle <= 0 {
		return nil, fmt.Errorf("load balancer %s: kind blind needs a settle time: set how long it takes to follow Consul", balancerName)
	}
	return &Blind{balancerName: balancerName, settle: settle}, nil
}

// Name implements Balancer.
func (b *Blind) Name() string { return b.balancerName }

// Look implements Balancer; it touches nothing.
func (b *Blind) Look(ctx context.Context, _ []netip.AddrPort) (View, error) {
	return View{Blind: true, Settle: b.settle}, ctx.Err()
}

// Hold implements Balancer; it can do nothing and says so.
func (b *Blind) Hold(ctx context.Context, _ []netip.AddrPort, _ bool) (string, error) {
	return "can't be held: kind is blind", ctx.Err()
}

// Check implements Balancer; there is nothing to check.
func (b *Blind) Check(context.Context) error { return nil }
