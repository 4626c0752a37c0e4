package driver_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/cutovertest"
	"github.com/cutover/cutover/cutover/driver"
)

// Silence on the quiesce port looks the same when the node has crashed: then what it held is lost, and that is said.
func TestAPIGatewayThatDiesInFlushIsNotQuiesced(t *testing.T) {
	w, h := newHouse(t, "crash-in-flush")
	d := w.gateway()
	h.mustBeReady(d)
	if err := d.Set(t.Context(), "gw-1", cutover.Quiesced); err != nil {
		t.Fatal(err)
	}
	<-h.ended
	seen, err := d.Observe(t.Context(), "gw-1")
	if err != nil || seen.State == cutover.Quiesced || !strings.Contains(seen.Doomed, "may be lost") {
		t.Errorf("observed %+v, %v", seen, err)
	}
	h.env["GATEWAY_FAULT"] = ""
	h.start() // as Docker's restart policy would
	h.mustBeReady(d)
	if seen, err = d.Observe(t.Context(), "gw-1"); err != nil || !strings.Contains(seen.Doomed, "may be lost") {
		t.Errorf("after a restart: %+v, %v", seen, err)
	}
}

// Another process had asked it, and the container has begun a new life since: that must not look like a fresh start.
func TestAPIGatewayThatDiedInFlushBeforeAResume(t *testing.T) {
	w, h := newHouse(t, "")
	d := w.gateway()
	h.mustBeReady(d)
	w.planned, w.quiesceBegan = true, cutover.Moment{At: time.Now(), Life: "an earlier one"}
	if err := d.Set(t.Context(), "gw-1", cutover.Quiesced); err != nil {
		t.Fatal(err)
	}
	if why := doomed(t, d, "gw-1"); !strings.Contains(why, "may be lost") {
		t.Errorf("doomed: %s", why)
	}
}

// A node that is quiesced although nobody asked it to be is woken like any other.
func TestAPIGatewayThatSomebodyElseQuiesced(t *testing.T) {
	w, h := newHouse(t, "")
	d := w.gateway()
	h.mustBeReady(d)
	if err := w.gateway().Set(t.Context(), "gw-1", cutover.Quiesced); err != nil {
		t.Fatal(err)
	}
	await(t, "quiesce mode", func() bool { return h.node.Held().Mode == "QUIESCE" })
	cutovertest.Resource(t, cutovertest.ResourceFixture{Resource: d, Target: "gw-1", Walk: []cutover.State{cutover.Active}})
}

// Two clusters side by side: each node counts the members of its own.
func TestAPIGatewayCountsTheMembersOfItsOwnCluster(t *testing.T) {
	w := newTown(t)
	d := w.gateway(func(d *driver.APIGateway) { d.Separate = &driver.Separate{Name: []string{"NAME"}} })
	one, two := w.add("gw-1", nil), w.add("gw-2", nil)
	fresh := w.add("gw-1.7f3a", map[string]string{"apigw_cluster_name": "green"})
	one.mustBeReady(d)
	two.mustBeReady(d)
	w.planned, w.facts = true, driver.Facts{Clustered: true, Cluster: "blue", Nodes: 2}
	if got := one.mustBeReady(d); !strings.Contains(got, "clustered, 2 of 2 nodes") {
		t.Errorf("an old node: %q", got)
	}
	if got := fresh.mustBeReady(d); !strings.Contains(got, "clustered, 1 of 1 nodes") {
		t.Errorf("a new node: %q", got)
	}
}

// A new node that has died is left dead on the way back: started again to be flushed, it would work beside the old one.
func TestAPIGatewayThatIsNewAndDeadIsNotStartedToBeFlushed(t *testing.T) {
	w := newTown(t)
	d := w.gateway(func(d *driver.APIGateway) { d.Freeze = true })
	old, fresh := w.add("gw-1", nil), w.add("gw-1.7f3a", nil)
	old.mustBeReady(d)
	w.planned = true
	old.kill()
	fresh.kill()
	for _, rung := range []cutover.State{cutover.Frozen, cutover.Quiesced} {
		err := d.Set(t.Context(), "gw-1.7f3a", rung)
		seen, _ := d.Observe(t.Context(), "gw-1.7f3a")
		if said := fmt.Sprint(err, seen.Doomed); !cutover.IsPermanent(err) && seen.Doomed == "" || !strings.Contains(said, "lost") {
			t.Errorf("%s: %v, observed %+v", rung, err, seen)
		}
		if fresh.running() {
			t.Fatalf("%s: it was started", rung)
		}
	}
	if err := d.Set(t.Context(), "gw-1", cutover.Active); err != nil || !old.running() {
		t.Errorf("the old one, which is wanted again: %v", err)
	}
}

func TestAPIGatewayThatNeverCompletesIsNotQuiesced(t *testing.T) {
	w, h := newHouse(t, "quiesce-hangs")
	d := w.gateway()
	h.mustBeReady(d)
	if err := d.Set(t.Context(), "gw-1", cutover.Quiesced); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if seen, err := d.Observe(t.Context(), "gw-1"); err == nil && seen.State == cutover.Quiesced {
			t.Fatalf("observed %+v", seen)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// doomed polls until a target is doomed, and fails the test when it is seen quiesced instead.
func doomed(t *testing.T, d driver.Driver, target string) string {
	t.Helper()
	var seen cutover.Observation
	await(t, target+" is doomed", func() bool {
		var err error
		if seen, err = d.Observe(t.Context(), target); err == nil && seen.State == cutover.Quiesced {
			t.Fatalf("observed %+v", seen)
		}
		return seen.Doomed != ""
	})
	return seen.Doomed
}

// Where a flush fails the node says so, on the port that survives.
func TestAPIGatewayWhoseFlushFailsIsDoomed(t *testing.T) {
	w, h := newHouse(t, "flush-fails")
	d := w.gateway()
	h.mustBeReady(d)
	if err := d.Set(t.Context(), "gw-1", cutover.Quiesced); err != nil {
		t.Fatal(err)
	}
	if why := doomed(t, d, "gw-1"); !strings.Contains(why, "quiescing failed") {
		t.Errorf("doomed: %s", why)
	}
}

// A port that does not answer tells nothing: neither that quiescing goes on, nor that it is over.
func TestAPIGatewayIsNotQuiescedBySilence(t *testing.T) {
	w, h := newHouse(t, "quiesce-hangs")
	d := w.gateway()
	h.mustBeReady(d)
	if err := d.Set(t.Context(), "gw-1", cutover.Quiesced); err != nil {
		t.Fatal(err)
	}
	deaf := w.gateway(func(d *driver.APIGateway) { d.QuiescePort = 4445 })
	await(t, "the mode", func() bool { return h.node.Held().Mode == "QUIESCE" })
	if seen, err := deaf.Observe(t.Context(), "gw-1"); err == nil {
		t.Errorf("observed %+v", seen)
	}
}

func TestAPIGatewayRefusingToQuiesceIsAskedAgain(t *testing.T) {
	w, h := newHouse(t, "quiesce-500")
	d := w.gateway()
	h.mustBeReady(d)
	err := d.Set(t.Context(), "gw-1", cutover.Quiesced)
	if err == nil || cutover.IsPermanent(err) || !strings.Contains(err.Error(), "500") {
		t.Errorf("set: %v", err)
	}
}

// A request to quiesce that is still under way could land after the node was seen active.
func TestAPIGatewayIsNotActiveBeforeItsNewLife(t *testing.T) {
	w, h := newHouse(t, "")
	d := w.gateway()
	h.mustBeReady(d)
	h.journal()
	if seen, err := d.Observe(t.Context(), "gw-1"); err != nil || seen.State == cutover.Active {
		t.Errorf("observed %+v, %v", seen, err)
	}
	if err := d.Set(t.Context(), "gw-1", cutover.Active); err != nil {
		t.Fatal(err)
	}
	h.mustBeReady(d)
	if seen, err := d.Observe(t.Context(), "gw-1"); err != nil || seen.State != cutover.Active {
		t.Errorf("after its restart: %+v, %v", seen, err)
	}
}

// A request that was refused, or never made, can't land later: the node keeps its life, and what it holds.
func TestAPIGatewayThatWasNotAskedIsNotRestarted(t *testing.T) {
	for fault, noEffect := range map[string]bool{
		"privilege-missing": true, "wrong-password": true, "quiescemode-missing": true, "quiesce-port-suspended": false, "quiesce-500": false,
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			w, h := newHouse(t, "")
			d := w.gateway()
			h.mustBeReady(d)
			began := h.place().StartedAt
			h.setFaults(fault)
			if err := d.Set(t.Context(), "gw-1", cutover.Quiesced); err == nil || cutover.HadNoEffect(err) != noEffect {
				t.Fatalf("had no effect: %t: %v", cutover.HadNoEffect(err), err)
			}
			h.setFaults("")
			cutovertest.Resource(t, cutovertest.ResourceFixture{Resource: d, Target: "gw-1", Walk: []cutover.State{cutover.Active}})
			if !h.place().StartedAt.Equal(began) {
				t.Error("it was restarted")
			}
		})
	}
}

// The flush puts all that the node counted into the data store.
func TestAPIGatewayFlushes(t *testing.T) {
	w, h := newHouse(t, "")
	d := w.gateway()
	h.mustBeReady(d)
	for range 7 {
		response, err := http.Get(fmt.Sprintf("http://%s:5555/gateway/orders/1", h.address))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	cutovertest.Resource(t, cutovertest.ResourceFixture{Resource: d, Target: "gw-1", From: cutover.Active, Walk: []cutover.State{cutover.Quiesced}})
	if held := h.node.Held(); held.Transactions != 0 {
		t.Errorf("still held: %+v", held)
	}
}

// Some of the vendor's documents say that the mode is the cluster's: then quiescing one node takes all of them out of
// service. That is seen at once, and the way back wakes all of them.
func TestAPIGatewayThatTakesTheOthersWithIt(t *testing.T) {
	w := newTown(t)
	d := w.gateway()
	one, two := w.add("gw-1", map[string]string{"GATEWAY_FAULT": "quiesce-cluster-wide"}), w.add("gw-2", map[string]string{"GATEWAY_FAULT": "quiesce-cluster-wide"})
	one.mustBeReady(d)
	two.mustBeReady(d)
	w.planned = true
	one.journal()
	if err := d.Set(t.Context(), "gw-1", cutover.Quiesced); err != nil {
		t.Fatal(err)
	}
	await(t, "gw-2 leaves active too", func() bool { return two.node.Held().Mode == "QUIESCE" })
	if why := doomed(t, d, "gw-1"); !strings.Contains(why, "gw-2 left active with it") || !strings.Contains(why, "drain") {
		t.Errorf("doomed: %s", why)
	}
	cutovertest.Resource(t, cutovertest.ResourceFixture{Resource: d, Target: "gw-1", Walk: []cutover.State{cutover.Active}})
	if mode := two.node.Held().Mode; mode != "ACTIVE" {
		t.Errorf("gw-2 is %s", mode)
	}
	two.kill() // as a new container is on the way back
	delete(w.houses, "gw-2")
	cutovertest.Resource(t, cutovertest.ResourceFixture{Resource: d, Target: "gw-1", Walk: []cutover.State{cutover.Active}})
}

// The vendor's other procedure: the node drains its sessions and ends by itself, and Docker does not bring it back.
func TestAPIGatewayThatDrains(t *testing.T) {
	w, h := newHouse(t, "")
	d := w.gateway(func(d *driver.APIGateway) { d.Drain = 1 })
	h.mustBeReady(d)
	if how := d.Procedure(nil); !strings.Contains(how.Prepares, "option drain, up to 1 minutes") || len(how.Notes) != 1 {
		t.Errorf("%+v", how)
	}
	busy := make(chan int)
	go func() {
		response, err := http.Get(fmt.Sprintf("http://%s:5555/gateway/orders/1?sleep=1s", h.address))
		if err != nil {
			busy <- 0
			return
		}
		defer response.Body.Close()
		busy <- response.StatusCode
	}()
	await(t, "the request", func() bool { return h.node.Held().InFlight == 1 })
	h.journal()
	for range 3 {
		if err := d.Set(t.Context(), "gw-1", cutover.Quiesced); err != nil {
			t.Fatal(err)
		}
	}
	if seen, err := d.Observe(t.Context(), "gw-1"); err != nil || seen.State != "" || !strings.Contains(seen.Detail, "draining") {
		t.Errorf("while a request is in flight: %+v, %v", seen, err)
	}
	if status := <-busy; status != http.StatusOK {
		t.Errorf("the request in flight: %d", status)
	}
	<-h.ended
	if seen, err := d.Observe(t.Context(), "gw-1"); err != nil || seen.State != cutover.Quiesced {
		t.Errorf("after it ended: %+v, %v", seen, err)
	}
	if len(w.keptDown) != 1 {
		t.Errorf("restart policies switched off: %v", w.keptDown)
	}
	cutovertest.Resource(t, cutovertest.ResourceFixture{Resource: d, Target: "gw-1", Walk: []cutover.State{cutover.Active}})
}

// A node that has ended is drained only if it ran when it was first asked to.
func TestAPIGatewayThatEndedBeforeItWasAskedToDrain(t *testing.T) {
	for life, drained := range map[string]bool{cutover.NoLife: false, "the one that has ended": true} {
		w, h := newHouse(t, "")
		d := w.gateway(func(d *driver.APIGateway) { d.Drain = 1 })
		h.mustBeReady(d)
		w.quiesceBegan = cutover.Moment{At: time.Now().Add(-time.Hour), Life: life}
		h.kill()
		for range 2 {
			_ = d.Set(t.Context(), "gw-1", cutover.Quiesced) // it can't be asked any more
		}
		seen, err := d.Observe(t.Context(), "gw-1")
		if err != nil || (seen.State == cutover.Quiesced) != drained || (seen.Doomed == "") != drained {
			t.Errorf("it was in life %q: %+v, %v", life, seen, err)
		}
	}
}

// A service that never ends is named; the node is not called quiesced while it would be cut off.
func TestAPIGatewayWithATriggerThatHangs(t *testing.T) {
	w := newTown(t)
	h := w.add("gw-1", map[string]string{"TRIGGERS": "jms:orders.jms:onOrder=orders", "GATEWAY_FAULT": "trigger-hangs"})
	d := w.gateway()
	h.mustBeReady(d)
	w.enqueue("orders", 1)
	await(t, "the trigger's service", func() bool {
		got, _ := d.Observe(t.Context(), "gw-1")
		return got.State == cutover.Active && w.queue("orders").InFlight == 1
	})
	var seen cutover.Observation
	for asked := time.Now(); time.Since(asked) < 3*time.Second; <-time.After(100 * time.Millisecond) {
		if err := d.Set(t.Context(), "gw-1", cutover.Quiesced); err != nil {
			t.Fatal(err)
		}
		var err error
		if seen, err = d.Observe(t.Context(), "gw-1"); err == nil && seen.State == cutover.Quiesced {
			t.Fatalf("observed %+v", seen)
		}
	}
	if !strings.Contains(seen.Detail, "orders.jms:onOrder") && !strings.Contains(seen.Detail, "quiescing") {
		t.Errorf("observed %+v", seen)
	}
}

// A webhook's call means "look now", never "done": one that comes too early, or never, changes nothing.
func TestAPIGatewayWebhook(t *testing.T) {
	for behaviour, called := range map[string]bool{"": true, "webhook-early": true, "webhook-silent": false} {
		t.Run(behaviour, func(t *testing.T) {
			w, h := newHouse(t, behaviour)
			w.planned = true
			address := freeAddress(t)
			var pokes atomic.Int64
			d := w.gateway(func(d *driver.APIGateway) {
				d.Webhook = &driver.Webhook{Listen: address, URL: "http://" + address + "/", Poke: func() { pokes.Add(1) }}
			})
			other := w.add("gw-2", nil)
			h.mustBeReady(d)
			other.mustBeReady(d)
			cutovertest.Resource(t, cutovertest.ResourceFixture{Resource: d, Target: "gw-1", From: cutover.Active, Walk: []cutover.State{cutover.Quiesced}})
			if called {
				await(t, "the webhook's call", func() bool { return pokes.Load() > 0 })
			}
			if err := d.Close(t.Context()); err != nil {
				t.Error(err)
			}
			request, _ := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s:5555/rest/apigateway/webhooks", other.address), nil)
			request.SetBasicAuth("Administrator", password)
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusNotFound { // "No records found."
				t.Errorf("a webhook is left over: %d", response.StatusCode)
			}
		})
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
