package lb_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/lb"
)

func TestObserve(t *testing.T) {
	critical := passing()
	critical.Passing, critical.CheckOutput = false, "HTTP GET http://10.0.0.1:5555/health: 503 Output: stack trace\nmore"
	elsewhere := passing()
	elsewhere.Address = "10.0.0.66"
	held := running(lb.Maint, 0)
	runtime := held
	runtime.Runtime = true
	hidden := lb.View{Workers: []lb.Worker{{ID: "7", Hidden: 1}}}
	queued := server(lb.Maint, 0)
	queued.Queue = 4
	weightless := running(lb.Up, 0)
	weightless.Workers[0].Servers[0].Weight = 0
	cases := []struct {
		name   string
		reg    *lb.Registration
		view   lb.View
		want   cutover.State
		detail string // part of it
	}{
		{"serving", ptr(passing()), running(lb.Up, 3), cutover.Serving, "lb-1: UP, lb-2: UP; consul: passing"},
		{"not there yet", ptr(passing()), lacking, "", "lb-1: not there yet"},
		{"up by its own check only", ptr(critical), running(lb.Up, 0), "", "gw critical (HTTP GET http://10.0.0.1:5555/health: 503)"},
		{"down", ptr(passing()), running(lb.Down, 0), "", "lb-1: DOWN"},
		{"weight 0", ptr(passing()), weightless, "", "UP with weight 0"},
		{"still held", ptr(passing()), held, "", "lb-1: MAINT"},
		{"registered elsewhere", &elsewhere, lacking, "", "gw-1 leads to 10.0.0.66:5555, where it does not run"},

		{"freshly registered", ptr(maintained()), lacking, cutover.Drained, "lb-1: 0, lb-2: 0; consul: maintenance"},
		{"not followed yet", ptr(maintained()), running(lb.Up, 0), "", "lb-1: still UP"},
		{"held only: no proof that it follows", ptr(maintained()), held, "", "held at runtime, its configuration still has it"},
		{"taken away by resolution", ptr(maintained()), running(lb.Unresolved, 0), cutover.Drained, "lb-1: 0"},
		{"resolution with a session", ptr(maintained()), running(lb.Unresolved, 1), "", "worker 7: 1 sessions"},
		{"session of a forgotten address", ptr(maintained()), hidden, "", "worker 7: 1 sessions"},
		{"MAINT where it follows at runtime", ptr(maintained()), runtime, cutover.Drained, "lb-1: 0"},
		{"sessions in the old worker", ptr(maintained()), old(lacking, 0, server(lb.Maint, 2)), "", "lb-1: old worker 3: 2 sessions"},
		{"a queue in the old worker", ptr(maintained()), old(lacking, 0, queued), "", "lb-1: old worker 3: 4 sessions"},
		{"idle clients of an old worker that has it UP", ptr(maintained()), old(lacking, 6, server(lb.Up, 0)), "", "old worker 3: 6 clients can still reach it"},
		{"idle clients of an old worker that has it DOWN", ptr(maintained()), old(lacking, 6, server(lb.Down, 0)), "", "6 clients"},
		{"idle clients of an old worker that has it in MAINT", ptr(maintained()), old(lacking, 6, server(lb.Maint, 0)), cutover.Drained, "0"},
		{"old worker without clients", ptr(maintained()), old(lacking, 0, server(lb.Up, 0)), cutover.Drained, "0"},
		{"old worker that never had it", ptr(maintained()), old(lacking, 9), cutover.Drained, "0"},

		{"out", nil, lacking, cutover.Out, "not registered"},
		{"out, held", nil, held, cutover.Out, "not registered"},
		{"deregistered, not followed yet", nil, running(lb.Up, 0), "", "lb-1: still UP"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			if c.reg != nil {
				w.intent.Regs[c.reg.ID] = *c.reg
			}
			w.show(c.view)
			o := observe(t, w.members(t))
			if o.State != c.want || !strings.Contains(o.Detail, c.detail) {
				t.Errorf("%q (%s), want %q (%s)", o.State, o.Detail, c.want, c.detail)
			}
		})
	}
}

func ptr(r lb.Registration) *lb.Registration { return &r }

// Every balancer must agree, the last one too.
func TestOneBalancerBehindIsNoAgreement(t *testing.T) {
	w := newWorld(passing())
	w.lb1.View, w.lb2.View = running(lb.Up, 0), lacking
	if o := observe(t, w.members(t)); o.State != "" || o.Detail != "lb-1: UP, lb-2: not there yet; consul: passing" {
		t.Errorf("%q %s", o.State, o.Detail)
	}
	w.lb1.View, w.lb2.View = lacking, running(lb.Up, 0)
	w.intent.Regs["gw-1"] = maintained()
	w.lb1.View = old(lacking, 0, server(lb.Maint, 2))
	w.lb2.View = lacking
	if o := observe(t, w.members(t)); o.State != "" || o.Detail != "lb-1: old worker 3: 2 sessions, lb-2: 0; consul: maintenance" {
		t.Errorf("%q %s", o.State, o.Detail)
	}
}

func TestUnreadableIsNotObserved(t *testing.T) {
	broken := errors.New("connection refused")
	w := newWorld(passing())
	w.show(running(lb.Up, 0))
	w.lb2.Err = broken
	m := w.members(t)
	if o, err := m.Observe(t.Context(), "gateway-1"); !errors.Is(err, broken) || !strings.Contains(err.Error(), "lb-2") || o.State != "" {
		t.Errorf("%+v, %v: want an error that names lb-2", o, err)
	}
	w.cfg.Without = []string{"lb-2"}
	if o := observe(t, w.members(t)); o.State != cutover.Serving || !strings.Contains(o.Detail, "lb-2: left out") {
		t.Errorf("without lb-2: %+v", o)
	}
	w.intent.Err = broken
	if _, err := w.members(t).Observe(t.Context(), "gateway-1"); !errors.Is(err, broken) {
		t.Errorf("registry: %v", err)
	}
}

// A container that does not run is found by its ids only: another one may have its old address by now.
func TestStoppedContainerIsNotLookedForAtItsOldAddress(t *testing.T) {
	neighbour := passing()
	neighbour.ID = "gw-2"
	w := newWorld(neighbour)
	w.place = cutover.Place{Host: "host-a", Address: "10.0.0.1"}
	w.show(running(lb.Up, 1)) // the neighbour's traffic
	if o := observe(t, w.members(t)); o.State != cutover.Out {
		t.Errorf("%q (%s), want out", o.State, o.Detail)
	}
}

func TestSeveralServicesMoveTogether(t *testing.T) {
	w := newWorld(passing())
	w.cfg.Services = append(w.cfg.Services, lb.Service{Name: "admin", Port: 9072, Check: lb.Check{TCP: true, Interval: 1}, Via: []string{"lb-1"}})
	w.show(running(lb.Up, 0))
	if o := observe(t, w.members(t)); o.State != "" || !strings.Contains(o.Detail, "admin not registered") {
		t.Errorf("%q %s", o.State, o.Detail)
	}
	admin := lb.Registration{ID: "admin-gateway-1", Service: "admin", Address: "10.0.0.1", Port: 9072, Passing: true}
	w.intent.Regs[admin.ID] = admin
	if o := observe(t, w.members(t)); o.State != "" || !strings.Contains(o.Detail, "lb-1: admin not there yet, lb-2: UP") {
		t.Errorf("%q %s", o.State, o.Detail)
	}
	w.lb1.View.Workers = []lb.Worker{{ID: "7", Servers: []lb.Server{
		server(lb.Up, 0),
		{Endpoint: admin.Endpoint(), Name: "adm/s1", Status: lb.Up, Weight: 1},
	}}}
	if o := observe(t, w.members(t)); o.State != cutover.Serving {
		t.Errorf("%q %s", o.State, o.Detail)
	}
	admin.Maintenance = true
	w.intent.Regs[admin.ID] = admin
	if o := observe(t, w.members(t)); o.State != "" || !strings.Contains(o.Detail, "1 of 2 in maintenance") {
		t.Errorf("%q %s", o.State, o.Detail)
	}
}

// Only work in flight may be cut: never a balancer that has not followed, or that can't be read.
func TestStragglersAreToldApart(t *testing.T) {
	for name, test := range map[string]struct {
		view lb.View
		want bool
	}{
		"sessions in the old worker":        {old(lacking, 0, server(lb.Maint, 2)), true},
		"idle clients of the old worker":    {old(lacking, 6, server(lb.Up, 0)), true},
		"nothing in flight":                 {lacking, false},
		"not followed yet":                  {running(lb.Up, 3), false},
		"held at runtime, not followed yet": {running(lb.Maint, 3), false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(maintained())
			w.show(test.view)
			if o := observe(t, w.members(t)); o.Stragglers != test.want {
				t.Errorf("%+v", o)
			}
		})
	}
	w := newWorld(passing())
	w.show(old(lacking, 0, server(lb.Up, 2)))
	if o := observe(t, w.members(t)); o.Stragglers {
		t.Errorf("while Consul says that it serves: %+v", o)
	}
}
