package sim_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/cutover/cutover/lb"
)

// balancer follows Consul by reloads: each starts a new worker, and the old one keeps its clients for a while.
type balancer struct {
	*world
	name    string
	up      bool
	holds   bool // it can be told at runtime to hold a server, as HAProxy can
	workers []*worker
	next    int
	due     bool // it has heard that something is new
	stalled time.Time
	lies    time.Time // until when it does
	grossly bool      // it says what is wished for, and not only the contrary
}

type worker struct {
	id      int
	old     bool
	clients time.Time // of an old one: until when it has any
	servers []*server
}

type server struct {
	at   netip.AddrPort
	held bool
	busy time.Time // of one that gets nothing new: until when requests are in flight
}

func (k *worker) server(at netip.AddrPort) *server {
	if i := slices.IndexFunc(k.servers, func(s *server) bool { return s.at == at }); i >= 0 {
		return k.servers[i]
	}
	return nil
}

// over reports whether an old worker has nothing left to do.
func (k *worker) over() bool {
	now := time.Now()
	return k.old && !k.clients.After(now) && !slices.ContainsFunc(k.servers, func(s *server) bool { return s.busy.After(now) })
}

// reaches reports whether a worker can send a new request to a server.
func (k *worker) reaches(s *server) bool {
	return !s.held && (!k.old || k.clients.After(time.Now()))
}

func (b *balancer) running() *worker { return b.workers[len(b.workers)-1] }

// hears begins to follow a change of Consul, after a while.
func (b *balancer) hears() {
	if b.due || b.strikes("balancer misses", b.rough/4) {
		return
	}
	b.due = true
	b.after(b.between(time.Millisecond, b.follow), b.follows)
}

func (b *balancer) follows() {
	if left := time.Until(b.stalled); left > 0 {
		b.after(left, b.follows)
		return
	}
	if !b.up || !b.consul.up {
		b.after(time.Second, b.follows)
		return
	}
	b.due = false
	b.render(false)
}

// resync makes up for what it has missed.
func (b *balancer) resync() {
	if !b.due {
		b.due = true
		b.follows()
	}
	b.after(b.between(5*time.Second, 15*time.Second), b.resync)
}

// render reloads, if there is something new or it must.
func (b *balancer) render(must bool) {
	wanted, was := b.consul.serving(), b.running()
	same := len(wanted) == len(was.servers)
	for _, at := range wanted {
		same = same && was.server(at) != nil
	}
	if same && !must {
		return
	}
	if must {
		wanted = nil
		for _, s := range was.servers {
			wanted = append(wanted, s.at)
		}
	}
	was.old, was.clients = true, time.Now().Add(b.between(0, 4*time.Second))
	for _, s := range was.servers {
		if !s.held {
			s.busy = b.busyUntil(s.at)
		}
	}
	b.workers = slices.DeleteFunc(b.workers, (*worker).over)
	b.next++
	fresh := &worker{id: b.next}
	for _, at := range wanted {
		fresh.servers = append(fresh.servers, &server{at: at})
	}
	b.workers = append(b.workers, fresh)
	b.changed = true
	b.say("%s runs %v", b.name, wanted)
}

// busyUntil is when the last request ends that is in flight to a server now.
func (b *balancer) busyUntil(at netip.AddrPort) time.Time {
	if c := b.byAddress[at]; c == nil || c.at != at || !c.serves() {
		return time.Time{}
	}
	if b.strikes("long request", b.rough/8) {
		return time.Now().Add(b.between(0, b.longest))
	}
	return time.Now().Add(b.between(0, 2*time.Second))
}

// crash is the end of all workers; the balancer is started again after a while, from the file that it has.
func (b *balancer) crash(down time.Duration) {
	b.say("%s is gone for %s", b.name, down)
	b.up = false
	b.workers = b.workers[len(b.workers)-1:]
	b.after(down, func() {
		b.up = true
		for _, s := range b.running().servers {
			s.held = false
		}
		b.say("%s is back", b.name)
		b.changed = true
		b.hears()
	})
}

// cutAll ends what is in flight to an address.
func (w *world) cutAll(at netip.AddrPort) {
	for _, b := range w.balancers {
		for _, k := range b.workers {
			if s := k.server(at); s != nil {
				s.busy = time.Time{}
			}
		}
	}
}

// door is lb.Balancer: one process's way to a balancer.
type door struct {
	*proc
	b *balancer
}

var _ lb.Balancer = door{}

// Name implements lb.Balancer.
func (d door) Name() string { return d.b.name }

// Check implements lb.Balancer.
func (d door) Check(context.Context) error { return nil }

// Look implements lb.Balancer.
func (d door) Look(ctx context.Context, at []netip.AddrPort) (lb.View, error) {
	if err := d.looks(ctx, d.b.name); err != nil {
		return lb.View{}, err
	}
	if !d.b.up {
		return lb.View{}, fmt.Errorf("%s: connection refused", d.b.name)
	}
	if time.Now().Before(d.b.lies) {
		return d.untruth(at), nil
	}
	var view lb.View
	now := time.Now()
	for _, k := range d.b.workers {
		if k.over() {
			continue
		}
		seen := lb.Worker{ID: fmt.Sprint(k.id), Old: k.old}
		if k.old && k.clients.After(now) {
			seen.Clients = 1
		}
		for _, s := range k.servers {
			if !slices.Contains(at, s.at) {
				continue
			}
			one := lb.Server{Endpoint: s.at, Name: "app", Status: lb.Up, Weight: 1}
			if s.held {
				one.Status = lb.Maint
			}
			if s.busy.After(now) || (!k.old && !s.held) {
				one.Sessions = 1
			}
			seen.Servers = append(seen.Servers, one)
		}
		view.Workers = append(view.Workers, seen)
	}
	return view, nil
}

// lie makes it say, for a while, the contrary of what Consul says, or, grossly, just that.
func (b *balancer) lie(d time.Duration, grossly bool) {
	b.say("%s lies for %s, grossly %t", b.name, d, grossly)
	b.lies, b.grossly = time.Now().Add(d), grossly
}

// untruth is what it says then.
func (d door) untruth(at []netip.AddrPort) lb.View {
	wanted := d.consul.serving()
	seen := lb.Worker{ID: "0"}
	for _, e := range at {
		if slices.Contains(wanted, e) == d.b.grossly {
			seen.Servers = append(seen.Servers, lb.Server{Endpoint: e, Name: "app", Status: lb.Up, Weight: 1})
		}
	}
	return lb.View{Workers: []lb.Worker{seen}}
}

// Hold implements lb.Balancer.
func (d door) Hold(ctx context.Context, at []netip.AddrPort, on bool) (string, error) {
	note := ""
	err := d.ask(ctx, d.b.name, fmt.Sprintf("%s %s holds %v %t", d.name, d.b.name, at, on), false, func() error {
		if !d.b.up {
			return errors.New(d.b.name + ": connection refused")
		}
		if !d.b.holds {
			note = "can't hold it at runtime"
			return nil
		}
		for _, s := range d.b.running().servers {
			if !slices.Contains(at, s.at) || s.held == on {
				continue
			}
			if s.held = on; on {
				s.busy = d.b.busyUntil(s.at)
			}
		}
		return nil
	})
	return note, err
}
