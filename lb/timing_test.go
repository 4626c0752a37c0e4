package lb_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/lb"
)

func TestPropagationOfJoinAndLeave(t *testing.T) {
	w := newWorld()
	m := w.members(t)
	set(t, m, cutover.Drained)
	set(t, m, cutover.Serving)
	w.now = w.now.Add(time.Second) // its check does not pass yet: not the balancers' time
	observe(t, m)
	r := w.intent.Regs["gw-1"]
	r.Passing = true
	w.intent.Regs["gw-1"] = r
	observe(t, m)
	w.now = w.now.Add(200 * time.Millisecond)
	w.lb1.View = running(lb.Up, 0)
	observe(t, m)
	w.now = w.now.Add(100 * time.Millisecond)
	w.show(running(lb.Up, 0))
	observe(t, m)
	observe(t, m)

	set(t, m, cutover.Drained)
	w.now = w.now.Add(150 * time.Millisecond)
	set(t, m, cutover.Drained) // asking again does not start anew
	observe(t, m)
	w.now = w.now.Add(50 * time.Millisecond)
	w.show(old(lacking, 5, server(lb.Maint, 2))) // requests in flight do not count
	observe(t, m)
	w.now = w.now.Add(time.Minute)
	w.show(lacking)
	observe(t, m)
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	want := []lb.Propagation{
		{Target: "gateway-1", To: cutover.Serving, All: ms(300), Balancers: map[string]time.Duration{"lb-1": ms(200), "lb-2": ms(300)}},
		{Target: "gateway-1", To: cutover.Drained, All: ms(200), Balancers: map[string]time.Duration{"lb-1": ms(200), "lb-2": ms(200)}},
	}
	if got := m.Propagations(); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestBlindAgreesAfterItHasSettled(t *testing.T) {
	blind, err := lb.NewBlind("lb-3", 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(passing())
	w.cfg.Balancers = []lb.Balancer{blind}
	m := w.members(t)
	if o := observe(t, m); o.State != "" || !strings.Contains(o.Detail, "settles in 10s") {
		t.Errorf("%q %s", o.State, o.Detail)
	}
	w.now = w.now.Add(10 * time.Second)
	if o := observe(t, m); o.State != cutover.Serving || !strings.Contains(o.Detail, "UNCONFIRMED") {
		t.Errorf("%q %s", o.State, o.Detail)
	}
	set(t, m, cutover.Drained) // a change of the registry starts it anew
	if o := observe(t, m); o.State != "" {
		t.Errorf("%q %s", o.State, o.Detail)
	}
	w.now = w.now.Add(10 * time.Second)
	if o := observe(t, m); o.State != cutover.Drained || len(m.Propagations()) != 0 {
		t.Errorf("%q %s, measured %v", o.State, o.Detail, m.Propagations())
	}
	if state, _, _, err := w.members(t).Survey(t.Context(), "gateway-1"); err != nil || state != cutover.Drained {
		t.Errorf("survey: %q, %v: planning does not wait", state, err)
	}
	if _, err := lb.NewBlind("lb-3", 0); err == nil {
		t.Error("no settle time: no error")
	}
}
