package sim_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/cutover/cutover/cutover"
)

// engine is one Docker host and the gateways in its containers.
type engine struct {
	*world
	name       string
	up         bool
	clock      time.Duration // how far its clock has been set ahead of everybody else's
	containers map[string]*container
}

// container is a container with its gateway.
type container struct {
	*engine
	name      string
	fresh     bool // made by a rollout
	running   bool
	life      int
	startedAt time.Time
	at        netip.AddrPort // in this life
	ready     bool
	mode      cutover.State // "" while it is quiescing
	unflushed bool          // it holds something in memory
	consumes  bool          // when it is active
	policy    bool          // the engine starts it again when it dies
	returning bool          // it does not run, and the engine is about to start it again
	ending    bool          // it has got the stop signal
	meant     bool          // that it takes no requests is somebody's will
	hurt      time.Time     // when a fault took it out of service; zero: none has
	bled      bool          // a fault has ended a life of it

	// What is wrong with it for ever.
	neverReady, neverQuiesces, neverStarts bool
}

func (w *world) container(name string) *container {
	for _, e := range w.engines {
		if c := e.containers[name]; c != nil {
			return c
		}
	}
	return nil
}

// each calls a function for all containers, always in the same order.
func (w *world) each(do func(*container)) {
	for _, name := range w.names {
		if c := w.container(name); c != nil {
			do(c)
		}
	}
}

var errNoEngine = errors.New("cannot connect to the Docker daemon")

// serves reports whether a container would answer a request.
func (c *container) serves() bool {
	return c.running && c.ready && (c.mode == cutover.Active || c.mode == cutover.Frozen)
}

func (e *engine) create(name string) error {
	if e.containers[name] != nil {
		return nil
	}
	c := &container{engine: e, name: name, fresh: true, policy: e.restarts, consumes: e.consumers != cutover.Exclusive}
	c.neverReady = e.badImage
	e.containers[name] = c
	if e.container(name) == nil {
		panic(name)
	}
	e.know(name)
	return nil
}

func (w *world) know(name string) {
	for _, known := range w.names {
		if known == name {
			return
		}
	}
	w.names = append(w.names, name)
}

func (c *container) start() error {
	if c.running {
		return nil
	}
	if c.neverStarts {
		c.returning = false
		return fmt.Errorf("start %s: no such device", c.name)
	}
	c.life++
	c.nextAddress++
	c.returning = false
	c.running, c.ready, c.ending, c.meant, c.startedAt = true, false, false, false, time.Now().Add(c.clock)
	c.at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(c.nextAddress >> 8), byte(c.nextAddress)}), 5555)
	c.byAddress[c.at] = c
	c.mode, c.unflushed = cutover.Active, false
	life := c.life
	c.say("%s starts at %s", c.name, c.at.Addr())
	if c.strikes("dies while starting", c.rough/8) {
		c.after(c.between(0, 5*time.Second), func() { c.inLife(life, func() { c.crash("dies while starting") }) })
	}
	if c.neverReady {
		return nil
	}
	c.after(c.between(500*time.Millisecond, c.startup), func() {
		c.inLife(life, func() { c.ready = true; c.say("%s is ready", c.name) })
	})
	if c.strikes("flaps while starting", c.rough/8) {
		c.after(c.between(0, c.startup), func() { c.inLife(life, func() { c.ready = !c.ready; c.hit() }) })
		c.after(c.startup+time.Second, func() { c.inLife(life, func() { c.ready = true }) })
	}
	return nil
}

// inLife does something unless the container has another life by now.
func (c *container) inLife(life int, do func()) {
	if c.life == life && c.running {
		do()
		c.changed = true
	}
}

// hit notes that a fault, and nobody's will, keeps a container from serving.
func (c *container) hit() {
	c.lastFault, c.lastHit = time.Now(), time.Now()
	if !c.meant {
		c.hurt = time.Now()
		c.fell[c.at] = true
	}
}

// signal is the stop signal, or, with kill, SIGKILL.
func (c *container) signal(kill bool) error {
	if !c.running {
		c.returning = false
		return nil
	}
	life := c.life
	c.stopped()
	if c.mode == "" && !c.neverQuiesces {
		c.unflushed = false // it ends what it has begun
	}
	c.loses()
	if kill {
		c.end()
		return nil
	}
	if c.ending {
		return nil
	}
	c.ending, c.ready = true, false
	if c.strikes("does not stop", c.rough/4) {
		return nil
	}
	c.after(c.between(100*time.Millisecond, 5*time.Second), func() { c.inLife(life, c.end) })
	return nil
}

func (c *container) end() {
	c.running, c.ready, c.ending, c.unflushed = false, false, false, false
	c.cutAll(c.at)
	c.say("%s has ended", c.name)
}

// crash is an end that nobody has asked for.
func (c *container) crash(why string) {
	c.say("%s: %s", c.name, why)
	c.hit()
	c.bled = true
	c.end()
	if c.policy {
		c.returning = true
		c.after(c.between(100*time.Millisecond, 3*time.Second), func() {
			if c.returning && c.container(c.name) == c && c.up {
				c.start()
				c.changed = true
			}
		})
	}
}

func (c *container) remove() error {
	if c.running || c.returning {
		return fmt.Errorf("remove %s: it is running: stop it first", c.name)
	}
	delete(c.containers, c.name)
	return nil
}

// quiesce makes the gateway take no requests, and flush.
func (c *container) quiesce() {
	if c.mode == cutover.Quiesced || c.mode == "" {
		return
	}
	life := c.life
	c.stopped()
	c.mode = ""
	switch {
	case c.neverQuiesces:
		c.bled = true
	case c.strikes("dies while flushing", c.rough/8):
		c.after(c.between(0, 2*time.Second), func() { c.inLife(life, func() { c.crash("dies while flushing") }) })
	default:
		c.after(c.between(100*time.Millisecond, 3*time.Second), func() {
			c.inLife(life, func() { c.mode, c.unflushed = cutover.Quiesced, false; c.say("%s is quiesced", c.name) })
		})
	}
}

// restart is what an engine that is restarted itself does to all of its containers.
func (e *engine) restart(down time.Duration) {
	e.say("engine %s goes down for %s", e.name, down)
	e.up = false
	var back []*container
	e.each(func(c *container) {
		if c.engine == e && (c.running || c.returning) {
			c.hit()
			c.bled = true
			c.end()
			if c.returning = c.policy; c.policy {
				back = append(back, c)
			}
		}
	})
	e.after(down, func() {
		e.up = true
		e.say("engine %s is back", e.name)
		e.rng.Shuffle(len(back), func(i, j int) { back[i], back[j] = back[j], back[i] })
		for _, c := range back {
			if c.returning && e.container(c.name) == c {
				c.start()
			}
		}
		e.changed = true
	})
}

// replaces is the container whose place one takes.
func replaces(name string) string { old, _, _ := strings.Cut(name, "."); return old }
