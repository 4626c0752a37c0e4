package lb_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/lb"
)

// Connections of a class are waited for as long as its budget lasts, and then cut or a failure; all others go on being
// waited for.
func TestClassesHaveBudgetsOfTheirOwn(t *testing.T) {
	worker := func(servers ...lb.Server) lb.View {
		return lb.View{Workers: []lb.Worker{{ID: "7"}, {ID: "3", Old: true, Servers: servers}}}
	}
	at := func(backend string, sessions int) lb.Server {
		s := server(lb.Maint, sessions)
		s.Name = backend + "/gw-1"
		return s
	}
	talks := func(clients, sockets int) lb.View { // an old worker that could still send to it
		view := worker(server(lb.Up, 0))
		view.Workers[1].Clients, view.Workers[1].Backends = clients, map[string]int{"api": 0, "api-ws": sockets}
		return view
	}
	cut := lb.Class{Name: "websocket", Backend: "*-ws", Budget: 30 * time.Second}
	fail := lb.Class{Name: "ftp", Service: "gw", Budget: 30 * time.Second, Fail: true}
	for _, c := range []struct {
		name    string
		classes []lb.Class
		view    lb.View
		sockets []string
		after   time.Duration
		want    cutover.State
		cut     int
		text    string // part of warning or reason
	}{
		{"within its budget", []lb.Class{cut}, worker(at("api-ws", 2)), nil, 29 * time.Second, "", 0, ""},
		{"over", []lb.Class{cut}, worker(at("api-ws", 2)), nil, 30 * time.Second, cutover.Drained, 2, "2 connections whose budget was over are cut when it stops: 2 websocket (lb-1 worker 3)"},
		{"over, and a request beside", []lb.Class{cut}, worker(at("api-ws", 2), at("api", 1)), nil, 30 * time.Second, "", 2, ""},
		{"clients of the class, on other servers", []lb.Class{cut}, talks(6, 6), nil, 0, cutover.Drained, 0, ""},
		{"and others beside", []lb.Class{cut}, talks(7, 6), nil, 0, "", 0, ""},
		{"no class", nil, worker(at("api-ws", 2)), nil, time.Hour, "", 0, ""},
		{"over, and not to be cut", []lb.Class{fail}, worker(at("api", 2)), nil, 30 * time.Second, "", 0, "still open: 2 ftp (lb-1 worker 3) after 30s"},
		{"the first that matches", []lb.Class{cut, fail}, worker(at("api-ws", 1)), nil, 30 * time.Second, cutover.Drained, 1, "1 websocket"},
		{"sockets within the budget", []lb.Class{{Name: "ftp", Service: "gw", Budget: 30 * time.Second}}, lacking, []string{"10.0.3.1:1"}, 29 * time.Second, "", 0, ""},
		{"sockets over", []lb.Class{{Name: "ftp", Service: "gw", Budget: 30 * time.Second}}, lacking, []string{"10.0.3.1:1"}, 30 * time.Second, cutover.Drained, 1, "1 ftp (10.0.3.1:1)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(maintained())
			w.sees(c.sockets...)
			w.lb1.View, w.lb2.View = c.view, lacking
			w.cfg.Classes = c.classes
			m := w.members(t)
			observe(t, m)
			w.now = w.now.Add(c.after)
			o := observe(t, m)
			if o.State != c.want || o.Cut != c.cut || !strings.Contains(o.Warning+o.Doomed, c.text) || (o.Doomed != "") != (len(c.classes) == 1 && c.classes[0].Fail) {
				t.Errorf("%+v", o)
			}
		})
	}
	// A way back has no way back: then it is cut.
	back := newWorld(maintained())
	back.sees()
	back.lb1.View, back.lb2.View = worker(at("api", 2)), lacking
	back.cfg.Classes, back.cfg.Back = []lb.Class{fail}, func() bool { return true }
	m := back.members(t)
	observe(t, m)
	back.now = back.now.Add(time.Minute)
	if o := observe(t, m); o.State != cutover.Drained || o.Cut != 2 || o.Doomed != "" {
		t.Errorf("going back: %+v", o)
	}
	w := newWorld()
	w.cfg.Classes = []lb.Class{{Name: "x", Service: "other"}}
	if _, err := lb.New(w.cfg); err == nil {
		t.Error("a class of a service that is not there")
	}
	w.cfg.Classes = []lb.Class{{Name: "x", Backend: "["}}
	if _, err := lb.New(w.cfg); err == nil {
		t.Error("a pattern that is none")
	}
}

// A connection that was closed in time fails nothing, although the list that still has it is not old.
func TestALateClassIsTakenFromAListOfThisMoment(t *testing.T) {
	w := newWorld(maintained())
	w.show(lb.View{Workers: []lb.Worker{{ID: "7"}, {ID: "3", Old: true, Clients: 1, Servers: []lb.Server{server(lb.Up, 0)}}}}) // somebody else is in flight
	w.cfg.Classes = []lb.Class{{Name: "ftp", Service: "gw", Budget: 30 * time.Second, Fail: true}}
	w.sees("10.0.3.1:1")
	open := w.cfg.Sockets.Open
	closed := false
	w.cfg.Sockets.Open = func(ctx context.Context, target string) ([]cutover.Socket, error) {
		if closed {
			return nil, nil
		}
		return open(ctx, target)
	}
	m := w.members(t)
	observe(t, m)
	w.now = w.now.Add(29500 * time.Millisecond)
	observe(t, m)
	closed = true
	w.now = w.now.Add(500 * time.Millisecond)
	if o := observe(t, m); o.Doomed != "" {
		t.Errorf("%+v", o)
	}
}
