package sim_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cutover/cutover/cutover"
)

// world is one seed: everything that there is, and what is to happen. One goroutine at a time acts in it, either the
// scheduler (run) or the process that it has woken, so that a seed gives the same events in the same order every time. It
// lives in a bubble of synctest: the time is the bubble's.
type world struct {
	*scenario
	rng    *rand.Rand
	began  time.Time
	events events
	seq    int
	trace  trace
	broken []string // rules that were broken
	ended  bool     // nothing more is to happen

	engines   map[string]*engine
	names     []string // of all containers, in order
	consul    *consul
	balancers []*balancer
	store     *store
	late      map[string][]*effect // requests that were given up and have not landed, by what they are for
	procs     []*proc
	plan      cutover.Plan

	changed   bool      // since the rules were last checked
	healed    bool      // no more faults
	lastFault time.Time // when something was last made to fail, or was mended
	lastHit   time.Time // when a fault last took a container out of service
	attempts  int       // of the operator, since everything is well
	tending   bool      // an operator is about to do something
	finals    []cutover.Journal
	lost      map[string]bool // containers that the way back could not flush
	spoilt    string          // the container that one of the faults that never end is about
	faults    map[string]int
	outcomes  map[string]int // of each process
}

func newWorld(seed uint64, without map[string]bool, verbose bool) *world {
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 0x6375746f766572)), began: time.Now(), trace: newTrace(verbose),
		engines: map[string]*engine{}, late: map[string][]*effect{}, lost: map[string]bool{}, faults: map[string]int{}, outcomes: map[string]int{},
	}
	w.scenario = w.newScenario(without)
	w.newFleet()
	return w
}

// run lets events happen, one after the other, until there is nothing left that matters, and checks the rules after each.
func (w *world) run() {
	for !w.ended && len(w.broken) == 0 {
		if len(w.events) == 0 {
			w.breaks("nothing happens any more")
			break
		}
		e := heap.Pop(&w.events).(*event)
		if d := time.Until(e.at); d > 0 {
			timer := time.NewTimer(d)
			<-timer.C
		}
		e.do()
		w.check()
		if time.Since(w.began) > 24*time.Hour {
			w.breaks("it does not end")
		}
	}
	for _, p := range w.procs {
		p.kill()
	}
}

// after lets something happen when d has passed.
func (w *world) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.events, &event{at: time.Now().Add(d), seq: w.seq, do: do})
}

func (w *world) say(format string, args ...any) {
	w.trace.add(time.Since(w.began), format, args...)
}

func (w *world) breaks(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.say("RULE BROKEN: %s", text)
	w.broken = append(w.broken, fmt.Sprintf("at %s: %s", time.Since(w.began), text))
}

// between is a random time.
func (w *world) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(w.rng.Int64N(int64(most-least)))
}

func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

// strikes decides whether a fault of a kind happens now, and counts it.
func (w *world) strikes(kind string, p float64) bool {
	if w.healed || !w.active[kind] || !w.chance(p) {
		return false
	}
	w.strike(kind)
	return true
}

func (w *world) strike(kind string) {
	w.faults[kind]++
	w.lastFault = time.Now()
}

type event struct {
	at  time.Time
	seq int
	do  func()
}

type events []*event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || (e[i].at.Equal(e[j].at) && e[i].seq < e[j].seq)
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(*event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
