package driver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/cutovertest"
)

// Everything that works without a load balancer can be suspended and resumed, and is not resumed when somebody had
// switched it off before.
func TestConsumersKeepTheContract(t *testing.T) {
	w := newTown(t)
	h := w.addServer("is-1", "microservicesruntime", map[string]string{
		"TRIGGERS": "jms:orders.jms:onOrder=orders;messaging:billing.trg:onBill=billing;mqtt:iot.trg:onBeat=beats",
		"TASKS":    "orders.jobs:sweep@100ms", "LISTENERS": "FilePolling:orders,FTP:2121", "DATASTORE": w.url,
	})
	w.addServer("is-2", "microservicesruntime", map[string]string{"DATASTORE": w.url})
	d := w.integrationServer()
	h.mustBeReady(d)
	facts, found := d.Survey(t.Context(), "is-1", h.place())
	if len(found) > 0 {
		t.Fatal(found)
	}
	w.planned, w.facts = true, facts
	cutovertest.Resource(t, cutovertest.ResourceFixture{
		Resource: d.Consumers(), Target: "is-1", From: cutover.Consuming, Secret: password,
		Walk: []cutover.State{cutover.Suspended, cutover.Consuming, cutover.Suspended},
	})
	w.enqueue("orders", 3)
	<-time.After(500 * time.Millisecond) // time enough for ten of them: nothing may happen
	if q := w.queue("orders"); len(q.Processed) > 0 || q.InFlight > 0 {
		t.Errorf("a suspended server took messages: %+v", q)
	}
	cutovertest.Resource(t, cutovertest.ResourceFixture{Resource: d.Consumers(), Target: "is-1", Walk: []cutover.State{cutover.Consuming}})
	await(t, "the messages", func() bool { return len(w.queue("orders").Processed) == 3 })
	h.kill()
	if err := d.Consumers().Set(t.Context(), "is-1", cutover.Suspended); err != nil {
		t.Errorf("suspend a server that does not run: %v", err)
	}
	if len(w.keptDown) == 0 {
		t.Error("Docker may bring it back at work")
	}
	if seen, err := d.Consumers().Observe(t.Context(), "is-1"); err != nil || seen.State != cutover.Suspended {
		t.Errorf("a server that does not run: %+v, %v", seen, err)
	}
}

// A message that was taken is worked on to its end before its trigger counts as suspended.
func TestConsumersAreNotSuspendedWhileTheyWork(t *testing.T) {
	w := newTown(t)
	h := w.addServer("is-1", "integrationserver", map[string]string{"TRIGGERS": "jms:orders.jms:onOrder=orders", "TRIGGER_WORK": "1s", "DATASTORE": w.url})
	d := w.integrationServer()
	h.mustBeReady(d)
	w.enqueue("orders", 2)
	await(t, "the first message", func() bool { return w.queue("orders").InFlight == 1 })
	if err := d.Consumers().Set(t.Context(), "is-1", cutover.Suspended); err != nil {
		t.Fatal(err)
	}
	seen, err := d.Consumers().Observe(t.Context(), "is-1")
	if err != nil || seen.State != "" || !strings.Contains(seen.Detail, "still working on: JMS trigger orders.jms:onOrder (1)") {
		t.Errorf("observed %+v, %v", seen, err)
	}
	await(t, "suspended", func() bool {
		seen, err := d.Consumers().Observe(t.Context(), "is-1")
		return err == nil && seen.State == cutover.Suspended
	})
	if q := w.queue("orders"); len(q.Processed) != 1 || q.Waiting != 1 || q.InFlight != 0 {
		t.Errorf("%+v", q)
	}
}
