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
	// in this place at all: then drained rests on the word of balancers that can tell what is in flight, every detail
	// says so, and where one can't tell nothing is drained.
	Open func(ctx context.Context, target string) ([]cutover.Socket, error)
	// From tells where a balancer connects from; nothing when that is not known. May be nil.
	From func(ctx context.Context, balancerName string) ([]netip.Prefix, error)
	// Checkers are those whose connections never count: health checks, scrapers. May be nil.
	Checkers func(ctx context.Context) ([]netip.Prefix, error)
	// Others is for how long connections of a peer that is neither are waited for, from when it was first seen after
	// the balancers had left. It is counted for the peer's address: a scraper's connections come and go.
	Others time.Duration
	// Idle is after how long without a question a connection that keeps quiet is taken for an idle one, of a pool, whoever's
	// it is; 0: never. It must be longer than any request may take.
	Idle time.Duration
}

// draining is what is remembered of a target on its way to drained.
type draining struct {
	entering bool                     // it comes in from out, where nothing was in flight, so there is nothing to wait for
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

// list lists a target's connections, and finds out who the peers are.
func (m *Members) list(ctx context.Context, target string, seen sighting) error {
	sockets, err := m.cfg.Sockets.Open(ctx, target)
	if err != nil {
		return err
	}
	whose, err := m.peers(ctx, seen)
	if err != nil {
		return err
	}
	d := m.draining(target)
	d.sockets, d.whose, d.looked = sockets, whose, m.cfg.Now()
	return nil
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

// connections looks at what a target has open once no balancer sends it anything new. A list that is not old yet will do where
// something is open, or where the balancers' word is that something is in flight, so that they are not all that is missing. That
// nothing is open, or that a class is late, only a list of this moment says.
func (m *Members) connections(ctx context.Context, target string, seen sighting, missing bool, over *overdue) (traffic, error) {
	d, every := m.draining(target), socketsBefore
	if missing {
		every = socketsMissing
	}
	if d.entering {
		return traffic{}, nil
	}
	if m.cfg.Sockets.Open == nil {
		return traffic{}, seen.unproven(errors.New("strategy.drain.sockets is off"))
	}
	if !d.looked.IsZero() && m.cfg.Now().Sub(d.looked) < every {
		was := *over
		if still := m.traffic(d, &was); len(was.fail) == len(over.fail) && (still.open > 0 || !missing) {
			*over = was
			return still, nil
		}
	}
	err := m.list(ctx, target, seen)
	if errors.Is(err, errors.ErrUnsupported) {
		return traffic{detail: "sockets: not seen (" + err.Error() + ")"}, seen.unproven(err)
	}
	if err != nil {
		return traffic{}, err
	}
	return m.traffic(d, over), nil
}

// unproven is an error where the members' own connections would have been the proof, and can't be it.
func (s sighting) unproven(why error) error {
	for _, v := range s.views {
		if v.view.uncounted() && !v.view.Blind { // of a blind one nothing is proved, which the plan says
			return fmt.Errorf("%s does not tell what is in flight, and the container's own connections can't either: %w", v.balancerName, why)
		}
	}
	return nil
}

// traffic tells the listed connections apart. Those of a balancer count unless all its workers have said that they have
// none; those of others count for as long as their budget lasts.
func (m *Members) traffic(d *draining, over *overdue) traffic {
	now := m.cfg.Now()
	var waited, left []string
	for _, s := range d.sockets {
		i := slices.IndexFunc(m.cfg.Services, func(service Service) bool { return service.Port == s.Port })
		if i < 0 {
			continue
		}
		name, counts := d.whose(s.Peer.Addr())
		class, late := m.class("", m.cfg.Services[i].Name, now.Sub(d.left))
		switch {
		case name != "" && !counts:
		case late:
			over.add(class, s.Peer.String(), 1, m.goingBack())
		case class.Name != "":
			waited = append(waited, s.Peer.String())
		case m.cfg.Sockets.Idle > 0 && s.Quiet >= m.cfg.Sockets.Idle:
		case name != "":
			waited = append(waited, name+" "+s.Peer.String())
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
	return seenNow
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
	return func(address netip.Addr) (name string, counts bool) {
		for _, p := range known { // several may share a machine: what counts for one of them counts
			if slices.ContainsFunc(p.from, func(prefix netip.Prefix) bool { return prefix.Contains(address) }) && (name == "" || p.counts) {
				name, counts = p.name, p.counts
			}
		}
		return name, counts
	}, nil
}

// uncounted reports whether this balancer can't tell all that it has in flight, so that its connections have to.
func (v View) uncounted() bool { return v.Blind || v.Uncounted || v.Partial != "" }
