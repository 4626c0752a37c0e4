package lb

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"sync"
	"time"
)

// CanaryService is the service that Measure registers for a moment. No member is of it, it never passes, and where a load
// balancer's template renders it, nothing leads to it.
const CanaryService = "cutover-canary"

// Canary is an Intent that can be measured.
type Canary interface {
	// Announce registers an instance of CanaryService that does not pass, and that the registry removes by itself some
	// time after it was forgotten.
	Announce(ctx context.Context, id string, at netip.AddrPort) error
	// Heard blocks until whoever follows the registry is told that the instance is there, or is not.
	Heard(ctx context.Context, id string, present bool) error
	Deregister(ctx context.Context, id string) error
}

// Clock is how long one follower took to see the canary come and go.
type Clock struct {
	Who         string // a load balancer, or Registry
	Seen        bool   // false: it does not render it, or can't be looked into
	Came, Went  time.Duration
	Unavailable string // why it was not looked into, or empty
}

// Registry is who a Clock is about that tells when the registry's followers could have heard.
const Registry = "consul"

const (
	measureLimit = 5 * time.Second      // for one direction, after the request
	measurePause = 2 * time.Millisecond // between two looks
	measureClean = 10 * time.Second     // for the removal, whatever became of the rest
	canaryNet    = "192.0.2.0"          // TEST-NET-1 (RFC 5737): nobody is there
)

// Measure registers a canary by the name of id, waits until the registry's followers have seen it, removes it, and waits until
// they have seen that. It blocks for some seconds. However it ends, and when the context ends too, the canary is removed
// again; the error says so if it could not be.
func (m *Members) Measure(ctx context.Context, id string) (clocks []Clock, err error) {
	canary, ok := m.cfg.Agent("").(Canary)
	if !ok {
		return nil, errors.New("measure: this registry can't be")
	}
	id = CanaryService + "-" + id
	at := canaryAddress(id)
	gone := false
	defer func() {
		if gone {
			return
		}
		cleaning, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), measureClean, fmt.Errorf("no answer within %s", measureClean))
		defer cancel()
		if left := canary.Deregister(cleaning, id); left != nil {
			err = errors.Join(err, fmt.Errorf("measure: %s is still registered, and is removed by Consul itself after a minute or two: %w", id, left))
		}
	}()
	followers := m.followersOf(canary, id, at)
	began := m.cfg.Now()
	if err := canary.Announce(ctx, id, at); err != nil {
		return nil, fmt.Errorf("measure: %w", err)
	}
	clocks = m.watchAll(ctx, followers, true, began)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("measure: %w", context.Cause(ctx))
	}
	began = m.cfg.Now()
	if err := canary.Deregister(ctx, id); err != nil {
		return nil, fmt.Errorf("measure: %w", err)
	}
	gone = true
	var seen []follower
	for i, c := range clocks {
		if c.Seen {
			seen = append(seen, followers[i])
		}
	}
	went := m.watchAll(ctx, seen, false, began)
	for i, j := 0, 0; i < len(clocks); i++ {
		if !clocks[i].Seen {
			continue
		}
		if clocks[i].Went = went[j].Came; !went[j].Seen {
			err = errors.Join(err, fmt.Errorf("measure: %s still has %s, %s after it was removed", clocks[i].Who, id, measureLimit))
		}
		j++
	}
	return clocks, err
}

// canaryAddress is an address of nobody's, and a port by which this canary is known.
func canaryAddress(id string) netip.AddrPort {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(id))
	return netip.AddrPortFrom(netip.MustParseAddr(canaryNet).Next(), uint16(1024+sum.Sum32()%60000)) //nolint:gosec // it fits
}

// follower is who is watched for a canary.
type follower struct {
	who  string
	sees func(ctx context.Context, present bool) error // blocks until it does
}

func (m *Members) followersOf(canary Canary, id string, at netip.AddrPort) []follower {
	all := []follower{{Registry, func(ctx context.Context, present bool) error { return canary.Heard(ctx, id, present) }}}
	for _, b := range m.asked() {
		all = append(all, follower{b.Name(), func(ctx context.Context, present bool) error { return seesIt(ctx, b, at, present) }})
	}
	return all
}

// seesIt looks into a balancer until a running worker has a server at an endpoint, or none has. A look that fails
// is tried again: a balancer that reloads does not answer for a moment.
func seesIt(ctx context.Context, b Balancer, at netip.AddrPort, present bool) error {
	tick := time.NewTicker(measurePause)
	defer tick.Stop()
	for {
		view, err := b.Look(ctx, []netip.AddrPort{at})
		switch {
		case err == nil && view.Blind:
			return errors.New("it is blind")
		case err == nil && view.has(at) == present:
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// has reports whether a running worker has a server at an endpoint, whatever it does with it.
func (v View) has(at netip.AddrPort) bool {
	for _, w := range v.Workers {
		if !w.Old && len(w.at(at)) > 0 {
			return true
		}
	}
	return false
}

// watchAll waits until each follower sees the canary, or does not any more, all at once.
func (m *Members) watchAll(ctx context.Context, followers []follower, present bool, began time.Time) []Clock {
	ctx, cancel := context.WithTimeout(ctx, measureLimit)
	defer cancel()
	clocks := make([]Clock, len(followers))
	var all sync.WaitGroup
	for i, f := range followers {
		clocks[i].Who = f.who
		all.Go(func() {
			err := f.sees(ctx, present)
			if err == nil && ctx.Err() == nil {
				clocks[i].Seen, clocks[i].Came = true, m.cfg.Now().Sub(began)
			} else if err != nil {
				clocks[i].Unavailable = err.Error()
			}
		})
	}
	all.Wait()
	return clocks
}
