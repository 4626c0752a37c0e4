package webapi

import (
	"context"
	"net/netip"
)

// Follower is what is the same of every program that follows the registry alone and can only be asked: it implements the
// part of lb.Balancer beside Look.
type Follower struct {
	*API
	Kind string                          // for people
	Read func(ctx context.Context) error // reads what it runs, to see that it can be read
}

// Hold implements lb.Balancer: it can't be done. It asks, to be sure that the program is there.
func (f Follower) Hold(ctx context.Context, _ []netip.AddrPort, on bool) (string, error) {
	doing := "release"
	if on {
		doing = "hold"
	}
	if err := f.Read(ctx); err != nil || !on {
		return "", f.Wrap(doing+" servers of", err)
	}
	return f.Kind + " can't be held at runtime", nil
}

// Check implements lb.Balancer: what it runs can be read.
func (f Follower) Check(ctx context.Context) error { return f.Wrap("look into", f.Read(ctx)) }
