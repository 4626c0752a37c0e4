package lb

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cutover/cutover/cutover"
)

// Sockets says how the connections that a member has open are looked at, and whose they are. Without Open they are not
// looked at.
type Sockets struct {
	// Open lists the connections of a target. An error that wraps errors.ErrUnsupported says that they can't be seen
	// in this place at all: then drained rests on the balancers' word, and every detail says so.
	Open func(ctx context.Context, target string) ([]cutover.Socket, error)
	// From tells where a balancer connects from; nothing when that is not known. May be nil.
	From func(ctx context.Context, balancerName string) ([]netip.Prefix, error)
	// Checkers are those whose connections never count: health checks, scrapers. May be nil.
	Checkers func(ctx context.Context) ([]netip.Prefix, error)
	// Others is for how long connections of a peer that is neither are waited for, from when it was first seen after
	// the balancers had left. It is counted for the peer's address: a scraper's connections come and go.
	Others time.Duration
	// Idle is after how long without a question a connection that keeps quiet is taken for an idle one, of a pool, whoever's
	// it is. It must be longer than any answer may pause.
	Idle time.Duration
}

// draining is what is remembered of a target on its way to drained.
type draining struct {
	entering bool                     // it was not registered before: nobody can have been sent to it
	left     time.Time                // when it was first seen that no balancer sends it anything new
	others   map[netip.Addr]time.Time // peers, and when they were first seen
	sockets  []cutover.Socket         // as they were at
	looked   time.Time
	whose    whose
}

// whose tells, for an address, the balancer or checker whose it is, if any, and whether its connections count.
type whose func(netip.Addr) (name string, counts bool)

// The kernel takes about half a millisecond to list connections, so they are not listed at every look: more often when
// they are all that is missing, and now and then before, since a peer's budget runs from when it was first seen.
const (
	socketsMissing = 100 * time.Millisecond
	socketsBefore  = time.Second
)

// open lists a target's connections, and finds out who the peers are, anew when the last list is too old.
func (m *Members) open(ctx context.Context, target string, seen sighting, every time.Duration) ([]cutover.Socket, whose, error) {
	d := m.draining(target)
	if now := m.cfg.Now(); d.looked.IsZero() || now.Sub(d.looked) >= every {
		sockets, err := m.cfg.Sockets.Open(ctx, target)
		if err != nil {
			return nil, nil, err
		}
		peers, err := m.peers(ctx, seen)
		if err != nil {
			return nil, nil, err
		}
		d.sockets, d.whose, d.looked = sockets, peers, now
	}
	return d.sockets, d.whose, nil
}

func (m *Members) draining(target string) *draining {
	if m.drains[target] == nil {
		m.drains[target] = &draining{others: map[netip.Addr]time.Time{}}
	}
	return m.drains[target]
}

// traffic is what was seen of a target's connections.
type traffic struct {
	open   int // how many are still waited for
	detail string
	left   string // connections that are no longer waited for, for people
}

// connections looks at what a target has open once no balancer sends it anything new. Those of a balancer count unless
// all its workers have said that they have none; those of others count for as long as their budget lasts.
func (m *Members) connections(ctx context.Context, target string, seen sighting, every time.Duration, over *overdue) (traffic, error) {
	d := m.draining(target)
	if m.cfg.Sockets.Open == nil || d.entering {
		return traffic{}, nil
	}
	sockets, whose, err := m.open(ctx, target, seen, every)
	if errors.Is(err, errors.ErrUnsupported) {
		return traffic{detail: "sockets: not seen (" + err.Error() + ")"}, nil
	}
	if err != nil {
		return traffic{}, err
	}
	now := m.cfg.Now()
	var waited, left []string
	for _, s := range sockets {
		i := slices.IndexFunc(m.cfg.Services, func(service Service) bool { return service.Port == s.Port })
		if i < 0 {
			continue
		}
		name, counts := whose(s.Peer.Addr())
		class, late := m.class("", m.cfg.Services[i].Name, now.Sub(d.left))
		switch {
		case m.cfg.Sockets.Idle > 0 && s.Quiet >= m.cfg.Sockets.Idle:
		case late && (counts || name == ""):
			over.add(class, s.Peer.String(), 1)
		case class.Name != "" && name == "":
			waited = append(waited, s.Peer.String())
		case name != "" && counts:
			waited = append(waited, name+" "+s.Peer.String())
		case name != "":
		default:
			first, known := d.others[s.Peer.Addr()]
			if !known {
				first = now
				d.others[s.Peer.Addr()] = now
			}
			if rest := m.cfg.Sockets.Others - now.Sub(first); rest > 0 {
				waited = append(waited, fmt.Sprintf("%s for another %s", s.Peer, rest.Round(time.Second)))
			} else {
				left = append(left, s.Peer.String())
			}
		}
	}
	seenNow := traffic{open: len(waited), detail: "sockets: 0", left: several(left)}
	if len(waited) > 0 {
		seenNow.detail = fmt.Sprintf("sockets: %d (%s)", len(waited), several(waited))
	}
	return seenNow, nil
}

// several names the first of many.
func several(names []string) string {
	const shown = 3
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}

// peers looks up where the balancers and checkers connect from now.
func (m *Members) peers(ctx context.Context, seen sighting) (whose, error) {
	type peer struct {
		name   string
		counts bool
		from   []netip.Prefix
	}
	var known []peer
	if m.cfg.Sockets.Checkers != nil {
		from, err := m.cfg.Sockets.Checkers(ctx)
		if err != nil {
			return nil, err
		}
		known = append(known, peer{"checker", false, from})
	}
	for _, v := range seen.views { // one that was left out may be dead with its connections open: it has the others' budget
		if m.cfg.Sockets.From == nil {
			break
		}
		from, err := m.cfg.Sockets.From(ctx, v.balancerName)
		if err != nil {
			return nil, fmt.Errorf("where %s connects from: %w", v.balancerName, err)
		}
		known = append(known, peer{v.balancerName, v.view.uncounted(), from})
	}
	return func(address netip.Addr) (string, bool) {
		for _, p := range known {
			if slices.ContainsFunc(p.from, func(prefix netip.Prefix) bool { return prefix.Contains(address) }) {
				return p.name, p.counts
			}
		}
		return "", false
	}, nil
}

// uncounted reports whether this balancer can't tell all that it has in flight, so that its connections have to.
func (v View) uncounted() bool { return v.Blind || v.Uncounted || v.Partial != "" }
