package sim_test

import "time"

// goesWrong lets one thing of the world go wrong, and the next one later.
func (w *world) goesWrong() {
	if w.healed {
		return
	}
	if w.store.stored != nil {
		faults[w.rng.IntN(len(faults))](w)
		w.changed = true
	}
	w.after(w.between(0, 2*w.gap), w.goesWrong)
}

// heal ends all faults that end: what is down comes back by itself, and nothing new happens.
func (w *world) heal() {
	if !w.healed {
		w.say("from now on all is well")
		w.healed, w.lastFault = true, time.Now()
	}
}

// faults are the things that can go wrong at any moment.
var faults = []func(*world){
	func(w *world) {
		if p := w.somebody(); p != nil && w.strikes("kill", 1) {
			w.say("%s is killed", p.name)
			p.kill()
		}
	},
	func(w *world) {
		if p := w.somebody(); p != nil && w.active["pause"] {
			p.pause(w.between(0, 4*w.store.ttl))
			w.tend()
		}
	},
	func(w *world) {
		if p := w.somebody(); p != nil && p.session != nil && w.active["signal"] {
			p.signal()
		}
	},
	func(w *world) {
		if h := w.store.holder; h != nil && h.holds() && w.strikes("abort", 0.5) {
			w.say("somebody asks %s to abort", h.p.name)
			h.asked = &abortRequest
		}
	},
	func(w *world) {
		if w.store.leased && w.strikes("lock lost", 0.7) {
			w.say("the lease ends")
			w.store.lose()
		}
	},
	func(w *world) {
		if c := w.anything(); c != nil && c.running && w.strikes("container crashes", 1) {
			c.crash("is killed for want of memory")
		}
	},
	func(w *world) {
		c := w.anything()
		if c == nil || !c.serves() || !w.strikes("gateway sick", 1) {
			return
		}
		w.say("%s is sick", c.name)
		life := c.life
		c.hit()
		c.ready = false
		w.after(w.between(0, 20*time.Second), func() { c.inLife(life, func() { c.ready = !c.ending; w.say("%s is well", c.name) }) })
	},
	func(w *world) {
		if c := w.anything(); c != nil && c.up && w.strikes("engine restarted", 0.4) {
			c.restart(w.between(time.Second, 10*time.Second))
		}
	},
	func(w *world) {
		if c := w.anything(); c != nil && w.strikes("clock set", 1) {
			c.clock = w.between(-time.Hour, time.Hour)
			w.say("the clock of %s is set %s ahead", c.engine.name, c.clock)
		}
	},
	func(w *world) {
		if w.consul.up && w.strikes("consul down", 0.7) {
			w.consul.crash(w.between(0, 30*time.Second), false)
		}
	},
	func(w *world) {
		if w.consul.up && w.strikes("consul restarted", 0.4) {
			w.consul.crash(w.between(0, 10*time.Second), true)
		}
	},
	func(w *world) {
		if b := w.balancer(); b.up && w.strikes("balancer killed", 0.7) {
			b.crash(w.between(0, 10*time.Second))
		}
	},
	func(w *world) {
		if b := w.balancer(); w.strikes("balancer stalls", 1) {
			w.say("%s stalls", b.name)
			b.stalled = time.Now().Add(w.between(0, 90*time.Second))
		}
	},
	func(w *world) {
		if b := w.balancer(); b.up && w.strikes("balancer reloads", 1) {
			b.render(true)
		}
	},
	func(w *world) {
		if b := w.balancer(); w.strikes("balancer lies", 1) {
			b.lie(w.between(0, 10*time.Second), false)
		}
	},
	// A lie that is wished for is found out by the hold only, so it is shorter. On the way back nothing is held.
	func(w *world) {
		hold := w.spec.Strategy.Hold
		if b := w.balancer(); hold > time.Second && !w.goesBack() && w.strikes("balancer lies grossly", 1) {
			b.lie(w.between(0, hold-w.poll), true)
		}
	},
}

// somebody is a process that works.
func (w *world) somebody() *proc {
	for _, p := range w.procs {
		if !p.over && !p.isPaused() {
			return p
		}
	}
	return nil
}

func (w *world) anything() *container { return w.container(w.names[w.rng.IntN(len(w.names))]) }

func (w *world) balancer() *balancer { return w.balancers[w.rng.IntN(len(w.balancers))] }
