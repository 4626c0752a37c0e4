package lb_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/lbtest"
)

var at1 = netip.MustParseAddrPort("10.0.0.1:5555")

// world is one target, gateway-1, with a registry, two balancers and a clock that only a test moves.
type world struct {
	place    cutover.Place
	intent   *lbtest.FakeIntent
	lb1, lb2 *lbtest.FakeBalancer
	now      time.Time
	cfg      lb.Config
}

func newWorld(regs ...lb.Registration) *world {
	w := &world{
		place: cutover.Place{Host: "host-a", Running: true, Address: "10.0.0.1"}, intent: lbtest.NewFakeIntent(regs...),
		lb1: &lbtest.FakeBalancer{Label: "lb-1"}, lb2: &lbtest.FakeBalancer{Label: "lb-2"}, now: time.Unix(1000, 0),
	}
	w.show(lb.View{Workers: []lb.Worker{{ID: "7"}}})
	w.cfg = lb.Config{
		Services:  []lb.Service{{Name: "gw", Port: 5555, Check: lb.Check{HTTP: "/health", Interval: time.Second}}},
		Balancers: []lb.Balancer{w.lb1, w.lb2},
		Locate:    func(context.Context, string) (cutover.Place, error) { return w.place, nil },
		Agent:     func(string) lb.Intent { return w.intent },
		Known: func(string) []lb.Registration {
			return []lb.Registration{{ID: "gw-1", Service: "gw", Tags: []string{"v1"}}}
		},
		Now: func() time.Time { return w.now },
	}
	return w
}

// show makes both balancers show the same.
func (w *world) show(v lb.View) { w.lb1.View, w.lb2.View = v, v }

func (w *world) members(t *testing.T) *lb.Members {
	t.Helper()
	m, err := lb.New(w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// passing and maintained are gateway-1's registration as Consul may have it.
func passing() lb.Registration {
	return lb.Registration{ID: "gw-1", Service: "gw", Address: "10.0.0.1", Port: 5555, Passing: true, Tags: []string{"adopted"}}
}

func maintained() lb.Registration {
	r := passing()
	r.Maintenance = true
	return r
}

// running is a view of one running worker with one server at gateway-1; old adds an old worker.
func running(status lb.Status, sessions int) lb.View {
	return lb.View{Workers: []lb.Worker{{ID: "7", Servers: []lb.Server{server(status, sessions)}}}}
}

func server(status lb.Status, sessions int) lb.Server {
	return lb.Server{Endpoint: at1, Name: "app/s1", Status: status, Weight: 1, Sessions: sessions}
}

func old(v lb.View, clients int, servers ...lb.Server) lb.View {
	v.Workers = append([]lb.Worker{}, v.Workers...)
	v.Workers = append(v.Workers, lb.Worker{ID: "3", Old: true, Clients: clients, Servers: servers})
	return v
}

var lacking = lb.View{Workers: []lb.Worker{{ID: "7"}}}

func observe(t *testing.T, m *lb.Members) cutover.Observation {
	t.Helper()
	o, err := m.Observe(t.Context(), "gateway-1")
	if err != nil {
		t.Fatal(err)
	}
	return o
}
