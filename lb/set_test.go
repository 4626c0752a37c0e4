package lb_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/lb"
)

func set(t *testing.T, m *lb.Members, want cutover.State) {
	t.Helper()
	if err := m.Set(t.Context(), "gateway-1", want); err != nil {
		t.Fatal(err)
	}
}

func log(t *testing.T, w *world, want ...string) {
	t.Helper()
	if !reflect.DeepEqual(w.intent.Log, want) {
		t.Errorf("log %q, want %q", w.intent.Log, want)
	}
	w.intent.Log = nil
}

func TestNewMemberEntersInMaintenance(t *testing.T) {
	w := newWorld()
	m := w.members(t)
	set(t, m, cutover.Drained)
	log(t, w, "register gw-1")
	r := w.intent.Regs["gw-1"]
	if r.Address != "10.0.0.1" || r.Port != 5555 || r.Tags[0] != "v1" || w.intent.Checks["gw-1"].HTTP != "/health" {
		t.Errorf("registered %+v, check %+v", r, w.intent.Checks["gw-1"])
	}
	if o := observe(t, m); o.State != cutover.Drained {
		t.Errorf("%q %s", o.State, o.Detail)
	}
	set(t, m, cutover.Drained) // asked again: must not register anew
	log(t, w, "maintain gw-1 true")
}

// A container that came back at another address is registered there, as it was; one that is not registered stays so.
func TestRefreshFollowsTheAddress(t *testing.T) {
	for name, test := range map[string]struct {
		regs []lb.Registration
		want []string
	}{
		"where it was":   {[]lb.Registration{passing()}, nil},
		"serving":        {[]lb.Registration{moved(passing())}, []string{"register gw-1", "maintain gw-1 false"}},
		"in maintenance": {[]lb.Registration{moved(maintained())}, []string{"register gw-1"}},
		"not registered": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(test.regs...)
			if err := w.members(t).Refresh(t.Context(), "gateway-1"); err != nil {
				t.Fatal(err)
			}
			log(t, w, test.want...)
			if r, there := w.intent.Regs["gw-1"]; there && r.Address != "10.0.0.1" {
				t.Errorf("registered at %s", r.Address)
			}
		})
	}
}

func moved(r lb.Registration) lb.Registration {
	r.Address = "10.0.0.9"
	return r
}

// After restarts another container's registration may still carry this one's address: it is not this one's to remove.
func TestAnothersRegistrationIsLeftAlone(t *testing.T) {
	stale := passing()
	stale.ID = "gw-2"
	w := newWorld(passing(), stale)
	w.cfg.Foreign = func(_, id string) bool { return id == "gw-2" }
	m := w.members(t)
	set(t, m, cutover.Drained)
	set(t, m, cutover.Out)
	log(t, w, "maintain gw-1 true", "deregister gw-1")
}

func TestUnknownFactsFallBackToAnIdOfItsOwn(t *testing.T) {
	w := newWorld()
	w.cfg.Known = nil
	set(t, w.members(t), cutover.Drained)
	log(t, w, "register gw-gateway-1")
}

// Balancers are held before Consul is told: after the reload that follows, an old worker refuses to be told anything.
func TestDrainHoldsBeforeItTellsConsul(t *testing.T) {
	w := newWorld(passing())
	w.lb1.OnHold = func(on bool) { w.intent.Log = append(w.intent.Log, fmt.Sprint("hold lb-1 ", on)) }
	w.lb2.OnHold = func(on bool) { w.intent.Log = append(w.intent.Log, fmt.Sprint("hold lb-2 ", on)) }
	m := w.members(t)
	set(t, m, cutover.Drained)
	log(t, w, "hold lb-1 true", "hold lb-2 true", "maintain gw-1 true")
	set(t, m, cutover.Drained) // again, for workers that have come since
	log(t, w, "hold lb-1 true", "hold lb-2 true", "maintain gw-1 true")
	set(t, m, cutover.Serving) // the way back, before any reload
	log(t, w, "maintain gw-1 false", "hold lb-1 false", "hold lb-2 false")
}

func TestDrainDoesNotTellConsulWhileABalancerCannotBeHeld(t *testing.T) {
	w := newWorld(passing())
	w.lb1.Err = errors.New("reloading")
	if err := w.members(t).Set(t.Context(), "gateway-1", cutover.Drained); err == nil || !strings.HasPrefix(err.Error(), "drain gateway-1: ") {
		t.Errorf("%v", err)
	}
	log(t, w)
	w.cfg.Without = []string{"lb-1"}
	set(t, w.members(t), cutover.Drained)
	log(t, w, "maintain gw-1 true")
}

func TestRefusedHoldIsNotedAndNoError(t *testing.T) {
	w := newWorld(passing())
	w.lb1.Note = "can't hold it at runtime: neither socket has level admin"
	w.show(old(lacking, 4, server(lb.Up, 0)))
	m := w.members(t)
	set(t, m, cutover.Drained)
	if o := observe(t, m); !strings.Contains(o.Detail, "lb-1: old worker 3: 4 clients can still reach it (can't hold it at runtime") {
		t.Error(o.Detail)
	}
}

// Re-registering would end maintenance, so a registration that somebody else made is adopted and only switched.
func TestAdoptedRegistrationIsNeverRegisteredAnew(t *testing.T) {
	foreign := passing()
	foreign.ID = "made-by-registrator"
	w := newWorld(foreign)
	set(t, w.members(t), cutover.Drained)
	log(t, w, "maintain made-by-registrator true")
	set(t, w.members(t), cutover.Serving)
	set(t, w.members(t), cutover.Out)
	log(t, w, "maintain made-by-registrator false", "maintain made-by-registrator true", "deregister made-by-registrator")
}

// A container's address can change at every restart: its registration is made anew, with what it was adopted with.
func TestChangedAddressIsRegisteredAnewInMaintenance(t *testing.T) {
	for _, want := range []cutover.State{cutover.Drained, cutover.Serving} {
		w := newWorld(passing())
		w.place.Address = "10.0.0.2"
		set(t, w.members(t), want)
		if w.intent.Log[0] != "register gw-1" {
			t.Errorf("%s: log %q", want, w.intent.Log)
		}
		r := w.intent.Regs["gw-1"]
		if r.Address != "10.0.0.2" || r.Tags[0] != "adopted" || r.Maintenance != (want == cutover.Drained) {
			t.Errorf("%s: %+v", want, r)
		}
	}
}

// The old address may be another container's by now, which must not be taken out of service.
func TestHoldNeverTouchesAnAddressThatTheContainerHasLeft(t *testing.T) {
	for _, place := range []cutover.Place{{Host: "host-a", Running: true, Address: "10.0.0.2"}, {Host: "host-a"}} {
		w := newWorld(passing())
		w.place = place
		w.show(running(lb.Up, 1))
		set(t, w.members(t), cutover.Drained)
		for _, e := range w.lb1.Held {
			if e == at1 {
				t.Errorf("%+v: held %s, where it is not", place, e)
			}
		}
	}
}

func TestOutGoesThroughMaintenance(t *testing.T) {
	w := newWorld(passing())
	set(t, w.members(t), cutover.Out)
	log(t, w, "maintain gw-1 true", "deregister gw-1")
	w = newWorld(maintained())
	set(t, w.members(t), cutover.Out)
	log(t, w, "deregister gw-1")
	set(t, w.members(t), cutover.Out)
	log(t, w, "deregister gw-1") // it may have been registered since, by a request that was given up
}

func TestStoppedContainerIsRemovedByItsId(t *testing.T) {
	w := newWorld(maintained())
	w.place = cutover.Place{Host: "host-a"}
	set(t, w.members(t), cutover.Out)
	log(t, w, "deregister gw-1")
	if err := w.members(t).Set(t.Context(), "gateway-1", cutover.Drained); err == nil || !strings.Contains(err.Error(), "does not run") {
		t.Errorf("%v: what does not run has no address to register", err)
	}
}

func TestBadPlaces(t *testing.T) {
	w := newWorld()
	w.place.Address = "gateway.local"
	if _, err := w.members(t).Observe(t.Context(), "gateway-1"); err == nil || !strings.Contains(err.Error(), "not an IP address") {
		t.Error(err)
	}
	w.place.Address, w.place.Published = "10.0.0.1", map[int]int{}
	if err := w.members(t).Set(t.Context(), "gateway-1", cutover.Drained); err == nil || !strings.Contains(err.Error(), "not published") {
		t.Error(err)
	}
	w.place.Published = map[int]int{5555: 32768}
	set(t, w.members(t), cutover.Drained)
	if w.intent.Regs["gw-1"].Port != 32768 {
		t.Errorf("%+v", w.intent.Regs["gw-1"])
	}
	if err := w.members(t).Set(t.Context(), "gateway-1", cutover.Healthy); !cutover.IsPermanent(err) {
		t.Error(err)
	}
	w.cfg.Agent = func(string) lb.Intent { return nil }
	if err := w.members(t).Set(t.Context(), "gateway-1", cutover.Out); !cutover.IsPermanent(err) || !strings.Contains(err.Error(), "host-a") {
		t.Error(err)
	}
}

// A container may get the address of one that is gone, to which old workers still have idle clients. It was never sent
// anything, or came back from out, so what they could send does not keep it from entering.
func TestEnteringAtAnAddressThatOldWorkersKnow(t *testing.T) {
	reused := old(lacking, 2, server(lb.Up, 0))
	for name, test := range map[string]struct {
		isNew, back bool
		want        cutover.State
	}{
		"new":                            {isNew: true, want: cutover.Drained},
		"old, on the way back":           {back: true, want: cutover.Drained},
		"old, that Consul has forgotten": {want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.show(reused)
			w.cfg.New = func(string) bool { return test.isNew }
			w.cfg.Back = func() bool { return test.back }
			m := w.members(t)
			set(t, m, cutover.Drained)
			if o := observe(t, m); o.State != test.want {
				t.Errorf("%q %s", o.State, o.Detail)
			}
			if w.show(running(lb.Up, 0)); observe(t, m).State == cutover.Drained {
				t.Error("a running worker sends it requests")
			}
		})
	}
}
