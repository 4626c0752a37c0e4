package lb_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/lb"
)

func TestDrainedTellsPeersApart(t *testing.T) {
	const (
		balancer1 = "10.0.1.1:40000"
		balancer2 = "10.0.1.2:40000"
		checker   = "10.0.2.1:40000"
		stranger  = "10.0.3.1:40000"
	)
	uncounted := func(w *world) { w.lb2.View.Uncounted = true }
	blind := func(w *world) { w.lb2.View = lb.View{Blind: true} }
	leftOut := func(w *world) { w.cfg.Without = []string{"lb-2"} }
	for _, c := range []struct {
		name   string
		open   []string
		change func(*world)
		after  time.Duration // since it was first looked at
		want   cutover.State
		detail string
		warns  bool
	}{
		{"nothing", nil, nil, 0, cutover.Drained, "sockets: 0", false},
		{"an idle pool of a balancer that reports nothing", []string{balancer1, balancer2}, nil, 0, cutover.Drained, "sockets: 0", false},
		{"a balancer that does not count", []string{balancer1, balancer2}, uncounted, time.Hour, "", "sockets: 1 (lb-2 10.0.1.2:40000)", false},
		{"a balancer that nobody can look into", []string{balancer2}, blind, time.Hour, "", "sockets: 1 (lb-2 10.0.1.2:40000)", false},
		{"a balancer that was left out", []string{balancer2}, leftOut, 0, "", "10.0.1.2:40000 for another 10s", false},
		{"the same, later", []string{balancer2}, leftOut, 10 * time.Second, cutover.Drained, "sockets: 0", true},
		{"a health check", []string{checker}, nil, 0, cutover.Drained, "sockets: 0", false},
		{"somebody else", []string{stranger}, nil, 9 * time.Second, "", "sockets: 1 (10.0.3.1:40000 for another 1s)", false},
		{"somebody else for too long", []string{stranger}, nil, 10 * time.Second, cutover.Drained, "sockets: 0", true},
		{"many", []string{"10.0.3.1:1", "10.0.3.2:2", "10.0.3.3:3", "10.0.3.4:4"}, nil, 0, "", "sockets: 4 (10.0.3.1:1 for another 10s, 10.0.3.2:2 for another 10s, 10.0.3.3:3 for another 10s and 1 more)", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(maintained())
			w.show(lacking)
			w.sees(c.open...)
			if c.change != nil {
				c.change(w)
			}
			m := w.members(t)
			observe(t, m)
			w.now = w.now.Add(c.after)
			o := observe(t, m)
			if o.State != c.want || !strings.Contains(o.Detail, c.detail) || (o.Warning != "") != c.warns || o.Stragglers != (c.want == "") {
				t.Errorf("%+v", o)
			}
		})
	}
}

// sees gives the target these connections on its port, and one on another port.
func (w *world) sees(peers ...string) {
	sockets := []cutover.Socket{{Port: 9999, Peer: netip.MustParseAddrPort("10.0.3.9:1")}}
	for _, peer := range peers {
		sockets = append(sockets, cutover.Socket{Port: 5555, Peer: netip.MustParseAddrPort(peer)})
	}
	w.cfg.Sockets = lb.Sockets{
		Open: func(context.Context, string) ([]cutover.Socket, error) { return sockets, nil },
		From: func(_ context.Context, name string) ([]netip.Prefix, error) {
			return []netip.Prefix{netip.MustParsePrefix(map[string]string{"lb-1": "10.0.1.1/32", "lb-2": "10.0.1.2/32"}[name])}, nil
		},
		Checkers: func(context.Context) ([]netip.Prefix, error) {
			return []netip.Prefix{netip.MustParsePrefix("10.0.2.0/24")}, nil
		},
		Others: 10 * time.Second,
	}
}

// A scraper that connects now and then holds a drain up once, not for ever.
func TestBudgetBelongsToTheAddress(t *testing.T) {
	w := newWorld(maintained())
	w.show(lacking)
	w.sees()
	port := uint16(40000)
	w.cfg.Sockets.Open = func(context.Context, string) ([]cutover.Socket, error) {
		port++
		return []cutover.Socket{{Port: 5555, Peer: netip.AddrPortFrom(netip.MustParseAddr("10.0.3.1"), port)}}, nil
	}
	m := w.members(t)
	for i, want := range []cutover.State{"", "", cutover.Drained} {
		if o := observe(t, m); o.State != want {
			t.Errorf("look %d: %+v", i, o)
		}
		w.now = w.now.Add(5 * time.Second)
	}
}

// An idle pool does not hold a drain for ever, whoever's it is; a request in flight does.
func TestIdleConnectionsAreNotWaitedFor(t *testing.T) {
	for quiet, want := range map[time.Duration]cutover.State{59 * time.Second: "", time.Minute: cutover.Drained} {
		w := newWorld(maintained())
		w.show(lacking)
		w.sees()
		w.lb2.View.Uncounted = true
		w.cfg.Sockets.Idle = time.Minute
		w.cfg.Sockets.Open = func(context.Context, string) ([]cutover.Socket, error) {
			return []cutover.Socket{
				{Port: 5555, Peer: netip.MustParseAddrPort("10.0.1.2:1"), Quiet: quiet},
				{Port: 5555, Peer: netip.MustParseAddrPort("10.0.3.1:1"), Quiet: quiet},
			}, nil
		}
		if o := observe(t, w.members(t)); o.State != want {
			t.Errorf("quiet for %s: %+v", quiet, o)
		}
	}
}

// Only a member that may have been sent something is waited for, and only once no balancer sends it anything more.
func TestSocketsAreLookedAtWhenTheyMatter(t *testing.T) {
	looked := 0
	failing := func(w *world) {
		w.cfg.Sockets.Open = func(context.Context, string) ([]cutover.Socket, error) { looked++; return nil, errors.New("no") }
	}
	for name, test := range map[string]struct {
		regs   []lb.Registration
		view   lb.View
		before func(*lb.Members)
		isNew  bool
		looks  bool
	}{
		"serving":                       {[]lb.Registration{passing()}, running(lb.Up, 0), nil, false, false},
		"not left yet":                  {[]lb.Registration{maintained()}, running(lb.Up, 0), nil, false, false},
		"left":                          {[]lb.Registration{maintained()}, lacking, nil, false, true},
		"a new one":                     {nil, lacking, func(m *lb.Members) { _ = m.Set(t.Context(), "gateway-1", cutover.Drained) }, true, false},
		"an old one that Consul forgot": {nil, lacking, func(m *lb.Members) { _ = m.Set(t.Context(), "gateway-1", cutover.Drained) }, false, true},
		"asked a 2nd time": {nil, lacking, func(m *lb.Members) {
			_ = m.Set(t.Context(), "gateway-1", cutover.Drained)
			_ = m.Set(t.Context(), "gateway-1", cutover.Drained)
		}, true, false},
		"an old one, asked": {[]lb.Registration{maintained()}, lacking, func(m *lb.Members) { _ = m.Set(t.Context(), "gateway-1", cutover.Drained) }, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			looked = 0
			w := newWorld(test.regs...)
			w.show(test.view)
			failing(w)
			w.cfg.New = func(string) bool { return test.isNew }
			m := w.members(t)
			if test.before != nil {
				test.before(m)
			}
			_, err := m.Observe(t.Context(), "gateway-1")
			if (looked > 0) != test.looks || (err != nil) != test.looks {
				t.Errorf("looked %d times, error %v", looked, err)
			}
		})
	}
}

func TestSocketsThatCannotBeSeenAreSaid(t *testing.T) {
	w := newWorld(maintained())
	w.show(lacking)
	w.cfg.Sockets.Open = func(context.Context, string) ([]cutover.Socket, error) {
		return nil, fmt.Errorf("%w: another machine", errors.ErrUnsupported)
	}
	if o := observe(t, w.members(t)); o.State != cutover.Drained || !strings.Contains(o.Detail, "sockets: not seen") {
		t.Errorf("%+v", o)
	}
}

// Two that share an address: what counts for one of them counts.
func TestPeersThatShareAnAddress(t *testing.T) {
	w := newWorld(maintained())
	w.show(lacking)
	w.sees("10.0.2.1:1") // a checker, and lb-2 on the same machine
	w.lb2.View.Uncounted = true
	w.cfg.Sockets.From = func(context.Context, string) ([]netip.Prefix, error) {
		return []netip.Prefix{netip.MustParsePrefix("10.0.2.1/32")}, nil
	}
	if o := observe(t, w.members(t)); o.State != "" || !strings.Contains(o.Detail, "lb-2 10.0.2.1:1") {
		t.Errorf("%+v", o)
	}
}

// That nothing is open only a list of this moment says; an older one may say that something is.
func TestAListThatIsOldProvesNothing(t *testing.T) {
	w := newWorld(maintained())
	w.show(lacking)
	w.sees()
	w.lb2.View.Uncounted = true
	var open []cutover.Socket
	w.cfg.Sockets.Open = func(context.Context, string) ([]cutover.Socket, error) { return open, nil }
	m := w.members(t)
	if o := observe(t, m); o.State != cutover.Drained {
		t.Fatalf("%+v", o)
	}
	open = []cutover.Socket{{Port: 5555, Peer: netip.MustParseAddrPort("10.0.1.2:1")}}
	w.now = w.now.Add(time.Millisecond)
	if o := observe(t, m); o.State != "" {
		t.Errorf("a connection that is new: %+v", o)
	}
}

// Where a balancer can't tell what is in flight, and the connections can't be seen either, nothing is drained.
func TestWithoutAnyProofNothingIsDrained(t *testing.T) {
	for name, change := range map[string]func(*world){
		"off": func(w *world) { w.cfg.Sockets.Open = nil },
		"unsupported": func(w *world) {
			w.cfg.Sockets.Open = func(context.Context, string) ([]cutover.Socket, error) { return nil, errors.ErrUnsupported }
		},
	} {
		w := newWorld(maintained())
		w.show(lacking)
		w.sees()
		w.lb2.View.Uncounted = true
		change(w)
		if o, err := w.members(t).Observe(t.Context(), "gateway-1"); err == nil || o.State != "" {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
}

// The product's own figure is asked last, and what it can't tell is no drain.
func TestTheProductsFigure(t *testing.T) {
	for name, test := range map[string]struct {
		n    int
		told bool
		err  error
		want cutover.State
		say  string
	}{
		"nothing":       {0, true, nil, cutover.Drained, "product: 0, sockets: 0"},
		"two":           {2, true, nil, "", "product: 2, sockets: 0"},
		"has no figure": {0, false, nil, cutover.Drained, "sockets: 0"},
		"can't tell":    {0, false, errors.New("timeout"), "", ""},
	} {
		w := newWorld(maintained())
		w.show(lacking)
		w.sees()
		w.cfg.InFlight = func(context.Context, string) (int, bool, error) { return test.n, test.told, test.err }
		o, err := w.members(t).Observe(t.Context(), "gateway-1")
		if o.State != test.want || !strings.HasPrefix(o.Detail, test.say) || (err != nil) != (test.err != nil) {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
}

// A list whose peers could not be looked up is no list.
func TestAListWithoutItsPeersIsNotKept(t *testing.T) {
	w := newWorld(maintained())
	w.show(lacking)
	w.sees("10.0.1.1:1") // a pool
	from, gone := w.cfg.Sockets.From, false
	w.cfg.Sockets.From = func(ctx context.Context, name string) ([]netip.Prefix, error) {
		if gone {
			return nil, errors.New("no engine")
		}
		return from(ctx, name)
	}
	w.cfg.InFlight = func(context.Context, string) (int, bool, error) { return 1, true, nil }
	m := w.members(t)
	observe(t, m)
	gone = true
	for range 2 {
		w.now = w.now.Add(10 * time.Millisecond)
		if o, err := m.Observe(t.Context(), "gateway-1"); err == nil {
			t.Errorf("%+v", o)
		}
	}
}
