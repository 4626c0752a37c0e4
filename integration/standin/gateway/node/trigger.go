package node

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/cutover/cutover/integration/standin/datastore/store"
)

// The states of a JMS or MQTT trigger, as wm.server.jms:getTriggerReport has them.
const (
	triggerEnabled   = "0"
	triggerDisabled  = "1"
	triggerSuspended = "2"
)

// trigger takes the messages of a queue one by one and works on each for
// Config.TriggerWork.
type trigger struct {
	TriggerSpec
	all    *consumers
	taking sync.Mutex // held while a message is taken

	mu         sync.Mutex
	state      string // of a JMS or MQTT trigger
	retrieval  half   // of a webMethods messaging trigger
	processing half
	running    bool // its service runs
}

// half is document retrieval or document processing of a messaging trigger.
type half struct{ suspended, temporary bool }

func (h half) String() string {
	out := "active"
	if h.suspended {
		out = "suspended"
	}
	if h.temporary {
		out += "-temp"
	}
	return out
}

// newTrigger comes back as it was left where that was permanent. A suspended JMS
// trigger is enabled again by every restart.
func newTrigger(spec TriggerSpec, c *consumers) *trigger {
	t := &trigger{TriggerSpec: spec, all: c, state: triggerEnabled}
	if c.memory.get("trigger", spec.Name) == triggerDisabled {
		t.state = triggerDisabled
	}
	t.retrieval.suspended = c.memory.get("retrieval", spec.Name) != ""
	t.processing.suspended = c.memory.get("processing", spec.Name) != ""
	return t
}

func (t *trigger) service() string { return t.Name + "_service" }

func (t *trigger) may(half *half) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state == triggerEnabled && !half.suspended
}

// step takes a message and works on it; false: there was none.
func (t *trigger) step(ctx context.Context) bool {
	id, begun := t.take(ctx)
	if id == "" {
		return false
	}
	if !begun && !t.awaitProcessing(ctx) {
		t.tell(ctx, "release", id)
		return false
	}
	defer t.end()
	if t.work(ctx) {
		t.tell(ctx, "ack", id)
	}
	return true
}

// take returns the message that was taken, if any, and whether its service runs
// already: then nobody has seen the trigger idle in between.
func (t *trigger) take(ctx context.Context) (id string, begun bool) {
	t.taking.Lock()
	defer t.taking.Unlock()
	if !t.all.mayTake() || !t.may(&t.retrieval) || !t.all.connect(ctx) {
		return "", false
	}
	var got store.Taken
	status, err := t.all.cluster.ask(ctx, http.MethodPost, "/queues/"+t.Queue+"/take", store.Take{
		Node: t.all.cfg.Name, Boot: t.all.cluster.me.Boot, Trigger: t.Name, ClientID: t.all.cfg.ClientID,
	}, &got)
	t.all.heard(status, err)
	if err != nil || status != http.StatusOK {
		return "", false
	}
	if begun = t.may(&t.processing); begun {
		t.begin()
	}
	return got.ID, begun
}

func (t *trigger) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = true
	t.all.activity.begin(t.service())
}

func (t *trigger) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = false
	t.all.activity.end(t.service())
}

// awaitProcessing holds a message that was retrieved while processing was
// suspended; false: the node is quiesced or ends.
func (t *trigger) awaitProcessing(ctx context.Context) bool {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if t.all.isQuiesced() {
				return false
			}
			if t.may(&t.processing) {
				t.begin()
				return true
			}
		case <-t.all.stopped:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// work takes its time, and for ever while the service fails and is retried;
// false: it was cut off.
func (t *trigger) work(ctx context.Context) bool {
	for {
		timer := time.NewTimer(t.all.cfg.TriggerWork) // what the service takes
		select {
		case <-timer.C:
			if !t.all.cfg.Faults.has(TriggerHangs) {
				return true
			}
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

// tell says what became of a message, until the provider has heard it.
func (t *trigger) tell(ctx context.Context, what, id string) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		done := store.Done{ID: id, Node: t.all.cfg.Name}
		status, err := t.all.cluster.ask(ctx, http.MethodPost, "/queues/"+t.Queue+"/"+what, done, nil)
		if err == nil {
			if status != http.StatusOK {
				t.all.cfg.Logf("trigger %s: %s %s: %d", t.Name, what, id, status)
			}
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
