package driver_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/cutovertest"
	"github.com/cutover/cutover/cutover/driver"
)

// gateway is a driver for the node in a house. The stand-in opens quiesce ports under the number it is given.
func gateway(h *house) *driver.APIGateway {
	published := map[int]int{5555: h.ports[5555], 9999: h.ports[9999]}
	published[h.ports[4444]] = h.ports[4444]
	h.ports = published
	var quiesce int
	for port := range published {
		if port != 5555 && port != 9999 {
			quiesce = port
		}
	}
	return driver.NewAPIGateway(&driver.APIGateway{User: "Administrator", Password: password, QuiescePort: quiesce, Containers: h.containers()})
}

func ready(t *testing.T, h *house, d driver.Driver) (bool, string, error) {
	t.Helper()
	var ok bool
	var detail string
	var err error
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		if ok, detail, err = d.Ready(t.Context(), "gw-1", h.place()); ok || err != nil {
			break
		}
	}
	return ok, detail, err
}

func TestAPIGatewayKeepsTheContract(t *testing.T) {
	h := newHouse(t, "")
	d := gateway(h)
	if ok, detail, err := ready(t, h, d); !ok {
		t.Fatalf("not ready: %s, %v", detail, err)
	}
	cutovertest.Resource(t, cutovertest.ResourceFixture{
		Resource: d, Target: "gw-1", From: cutover.Active, Secret: password,
		Walk: []cutover.State{cutover.Quiesced},
	})
	h.journal()
	cutovertest.Resource(t, cutovertest.ResourceFixture{
		Resource: d, Target: "gw-1", From: cutover.Quiesced, Secret: password,
		Walk: []cutover.State{cutover.Active}, Cut: h.kill,
	})
}

func TestAPIGatewayReadiness(t *testing.T) {
	for fault, want := range map[string]string{
		"never-ready":    "health: 500",
		"engine-red":     "engine red (500)",
		"start-quiesced": "connection refused",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, fault)
			ok, detail, err := ready(t, h, gateway(h))
			if ok || err != nil || !strings.Contains(detail, want) {
				t.Errorf("ready %t, %q, %v; want %q", ok, detail, err, want)
			}
		})
	}
}

func TestAPIGatewayRefusesAWrongPassword(t *testing.T) {
	h := newHouse(t, "")
	good := gateway(h)
	ready(t, h, good)
	bad := driver.NewAPIGateway(&driver.APIGateway{User: "Administrator", Password: "wr0ng", QuiescePort: good.QuiescePort, Containers: h.containers()})
	problems := bad.Check(t.Context(), "gw-1", h.place())
	if len(problems) != 1 || !strings.Contains(problems[0].Error(), "401") || !strings.Contains(problems[0].Error(), "driver.password_file") {
		t.Errorf("check: %v", problems)
	}
	err := bad.Set(t.Context(), "gw-1", cutover.Quiesced)
	if !cutover.IsPermanent(err) || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("set: %v", err)
	}
	if problems := good.Check(t.Context(), "gw-1", h.place()); len(problems) > 0 {
		t.Errorf("a good node: %v", problems)
	}
}

// Silence on the quiesce port looks the same when the node has crashed: then what it held is lost, and that is said.
func TestAPIGatewayThatDiesInFlushIsNotQuiesced(t *testing.T) {
	h := newHouse(t, "crash-in-flush")
	d := gateway(h)
	ready(t, h, d)
	if err := d.Set(t.Context(), "gw-1", cutover.Quiesced); err != nil {
		t.Fatal(err)
	}
	<-h.ended
	seen, err := d.Observe(t.Context(), "gw-1")
	if err != nil || seen.State == cutover.Quiesced || !strings.Contains(seen.Doomed, "may be lost") {
		t.Errorf("observed %+v, %v", seen, err)
	}
	h.faults = ""
	h.start() // as Docker's restart policy would
	ready(t, h, d)
	if seen, err = d.Observe(t.Context(), "gw-1"); err != nil || !strings.Contains(seen.Doomed, "may be lost") {
		t.Errorf("after a restart: %+v, %v", seen, err)
	}
}

func TestAPIGatewayThatNeverCompletesIsNotQuiesced(t *testing.T) {
	h := newHouse(t, "quiesce-hangs")
	d := gateway(h)
	ready(t, h, d)
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

// Where a flush fails the node says so, on the port that survives.
func TestAPIGatewayWhoseFlushFailsIsDoomed(t *testing.T) {
	h := newHouse(t, "flush-fails")
	d := gateway(h)
	ready(t, h, d)
	if err := d.Set(t.Context(), "gw-1", cutover.Quiesced); err != nil {
		t.Fatal(err)
	}
	var seen cutover.Observation
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline) && seen.Doomed == ""; <-time.After(20 * time.Millisecond) {
		var err error
		if seen, err = d.Observe(t.Context(), "gw-1"); err == nil && seen.State == cutover.Quiesced {
			t.Fatalf("observed %+v", seen)
		}
	}
	if !strings.Contains(seen.Doomed, "quiescing failed") {
		t.Errorf("observed %+v", seen)
	}
}

// A port that does not answer tells nothing: neither that quiescing goes on, nor that it is over.
func TestAPIGatewayIsNotQuiescedBySilence(t *testing.T) {
	h := newHouse(t, "quiesce-hangs")
	d := gateway(h)
	ready(t, h, d)
	if err := d.Set(t.Context(), "gw-1", cutover.Quiesced); err != nil {
		t.Fatal(err)
	}
	deaf := driver.NewAPIGateway(&driver.APIGateway{User: "Administrator", Password: password, QuiescePort: freePort(t), Containers: h.containers()})
	h.ports[deaf.QuiescePort] = deaf.QuiescePort
	if seen, err := deaf.Observe(t.Context(), "gw-1"); err == nil {
		t.Errorf("observed %+v", seen)
	}
}

func TestAPIGatewayRefusingToQuiesceIsAskedAgain(t *testing.T) {
	h := newHouse(t, "quiesce-500")
	d := gateway(h)
	ready(t, h, d)
	err := d.Set(t.Context(), "gw-1", cutover.Quiesced)
	if err == nil || cutover.IsPermanent(err) || !strings.Contains(err.Error(), "500") {
		t.Errorf("set: %v", err)
	}
}

// A request to quiesce that is still under way could land after the node was seen active.
func TestAPIGatewayIsNotActiveBeforeItsNewLife(t *testing.T) {
	h := newHouse(t, "")
	d := gateway(h)
	ready(t, h, d)
	h.journal()
	if seen, err := d.Observe(t.Context(), "gw-1"); err != nil || seen.State == cutover.Active {
		t.Errorf("observed %+v, %v", seen, err)
	}
	if err := d.Set(t.Context(), "gw-1", cutover.Active); err != nil {
		t.Fatal(err)
	}
	ready(t, h, d)
	if seen, err := d.Observe(t.Context(), "gw-1"); err != nil || seen.State != cutover.Active {
		t.Errorf("after its restart: %+v, %v", seen, err)
	}
}

// The flush puts all that the node counted into the data store.
func TestAPIGatewayFlushes(t *testing.T) {
	h := newHouse(t, "")
	d := gateway(h)
	ready(t, h, d)
	for range 7 {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/gateway/orders/1", h.ports[5555]))
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
