package lb

import (
	"slices"
	"sync"
	"time"

	"github.com/cutover/cutover/cutover"
)

// change is a state of the registry and when it was first known to hold.
type change struct {
	state cutover.State
	at    time.Time // zero: asked for, not seen yet
}

// Propagation is how long the balancers took to follow one change of the registry.
type Propagation struct {
	Target    string
	To        cutover.State            // Serving or Drained
	All       time.Duration            // until the running workers of all of them did
	Balancers map[string]time.Duration // until those of each did
}

// timing measures how long balancers take to follow the registry, one transition of one target at a time.
type timing struct {
	mu      sync.Mutex
	pending map[string]change
	each    map[string]map[string]time.Duration // by target and balancer, of what is pending
	done    []Propagation
}

func (t *timing) set(target string, c change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending == nil {
		t.pending, t.each = map[string]change{}, map[string]map[string]time.Duration{}
	}
	t.pending[target], t.each[target] = c, map[string]time.Duration{}
}

// leaves starts the measurement of a target that the registry has just put into maintenance.
func (t *timing) leaves(target string, now time.Time) { t.set(target, change{cutover.Drained, now}) }

// joins announces a measurement that starts when the registry is first seen to pass all services.
func (t *timing) joins(target string) { t.set(target, change{state: cutover.Serving}) }

// saw notes what the registry holds for a target.
func (t *timing) saw(target string, state cutover.State, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c, ok := t.pending[target]; ok && c.state == state && c.at.IsZero() {
		t.pending[target] = change{state, now}
	}
}

// follows notes, after saw, that the running workers of one balancer do what the registry says.
func (t *timing) follows(target string, state cutover.State, balancerName string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.pending[target]
	if _, known := t.each[target][balancerName]; ok && c.state == state && !c.at.IsZero() && !known {
		t.each[target][balancerName] = now.Sub(c.at)
	}
}

// agreed ends a measurement, after saw: the running workers of all balancers do what the registry says.
func (t *timing) agreed(target string, state cutover.State, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c, ok := t.pending[target]; ok && c.state == state {
		t.done = append(t.done, Propagation{Target: target, To: state, All: now.Sub(c.at), Balancers: t.each[target]})
		delete(t.pending, target)
	}
}

// Propagations tells, for every transition so far, the time from the registry's change to the moment when the running
// workers of all balancers were seen to agree. Old workers and sessions in flight do not count. Targets that no
// balancer can be looked into for are left out. Safe for concurrent use.
func (m *Members) Propagations() []Propagation {
	m.timing.mu.Lock()
	defer m.timing.mu.Unlock()
	return slices.Clone(m.timing.done)
}
