package lb_test

import (
	"context"
	"strings"
	"testing"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/lbtest"
)

// A member is taken out only while enough others are run by every balancer.
func TestNeverFewerThanMayBe(t *testing.T) {
	second := passing()
	second.ID, second.Address = "gw-2", "10.0.0.2"
	back := func(w *world) { w.cfg.Back = func() bool { return true } }
	for _, c := range []struct {
		name   string
		least  int
		change func(*world)
		want   string // part of the error
	}{
		{"going back, with one other", 3, back, ""},
		{"going back, with no other", 3, func(w *world) { back(w); delete(w.intent.Regs, "gw-2") }, "only 0 others"},
		{"enough", 1, func(*world) {}, ""},
		{"none needed", 0, func(w *world) { delete(w.intent.Regs, "gw-2") }, ""},
		{"not enough", 2, func(*world) {}, "only 1 others serve, and at least 2 must"},
		{"the other one is down in one balancer", 1, func(w *world) { w.lb2.View.Workers[0].Servers[1].Status = lb.Down }, "not gateway-2 (lb-1: UP, lb-2: DOWN"},
		{"the other one is not registered", 1, func(w *world) { delete(w.intent.Regs, "gw-2") }, "only 0 others"},
		{"it does not serve itself", 2, func(w *world) { w.lb1.View.Workers[0].Servers[0].Status = lb.Down }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(passing(), second)
			for _, b := range []*lbtest.FakeBalancer{w.lb1, w.lb2} {
				other := server(lb.Up, 0)
				other.Endpoint = second.Endpoint()
				b.View = lb.View{Workers: []lb.Worker{{ID: "7", Servers: []lb.Server{server(lb.Up, 0), other}}}}
			}
			w.cfg.Locate = func(_ context.Context, target string) (cutover.Place, error) {
				return cutover.Place{Host: "host-a", Running: true, Address: map[string]string{"gateway-1": "10.0.0.1", "gateway-2": "10.0.0.2"}[target]}, nil
			}
			w.cfg.Known = func(target string) []lb.Registration {
				return []lb.Registration{{ID: map[string]string{"gateway-1": "gw-1", "gateway-2": "gw-2"}[target], Service: "gw"}}
			}
			w.cfg.Fleet = func() ([]string, int) { return []string{"gateway-1", "gateway-2"}, c.least }
			c.change(w)
			err := w.members(t).Set(t.Context(), "gateway-1", cutover.Drained)
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if told := w.intent.Regs["gw-1"].Maintenance || len(w.lb1.Held) > 0; told != (c.want == "") {
				t.Errorf("told: %t", told)
			}
		})
	}
}
