package sim_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/cutover/cutover/cutover"
)

// proc is one run of the program by an operator. It is a goroutine that acts only while the scheduler waits for it; at every
// call that leaves it, it can be killed or paused.
type proc struct {
	*world
	name, machine string
	run, yield    chan struct{}
	token         int  // tells the sleep that a wake-up is for
	sleeping      bool // in Wait
	waits         int  // how many there have been
	dead, over    bool
	paused        time.Time // until when it is
	calls         int
	killAt        int // which call; 0: none
	pauseAt       int
	signalAt      int
	pauseFor      time.Duration
	signals       int
	session       *session
	step          int // that it carries out
	again         int // how often it has begun it anew
	direction     cutover.Direction
	journal       cutover.Journal // as Run returned it
	result        string
}

// spawn starts a process.
func (w *world) spawn(name, machine string, do func(*proc)) *proc {
	p := &proc{world: w, name: name, machine: machine, run: make(chan struct{}), yield: make(chan struct{})}
	w.procs = append(w.procs, p)
	go func() {
		defer func() {
			p.over = true
			w.after(0, w.tend)
			w.say("%s ends: %s", p.name, p.result)
			p.yield <- struct{}{}
		}()
		<-p.run
		if !p.dead {
			do(p)
		}
	}()
	w.after(0, func() { p.wake(p.token) })
	return p
}

// sleep lets time pass. The process may be killed in it, and sleeps on while it is paused.
func (p *proc) sleep(d time.Duration) {
	p.token++
	token := p.token
	p.after(d, func() { p.wake(token) })
	p.yield <- struct{}{}
	<-p.run
	if p.dead {
		runtime.Goexit()
	}
}

// wake lets the process act until it sleeps again.
func (p *proc) wake(token int) {
	if p.over || token != p.token {
		return
	}
	if left := time.Until(p.paused); left > 0 {
		p.after(left+p.between(0, time.Millisecond), func() { p.wake(token) })
		return
	}
	p.run <- struct{}{}
	<-p.yield
}

// kill is kill -9. What has been sent goes on.
func (p *proc) kill() {
	if p.over {
		return
	}
	p.dead = true
	p.run <- struct{}{}
	<-p.yield
}

// moment is where the process can be killed or paused by itself.
func (p *proc) moment() {
	p.calls++
	switch {
	case p.healed:
	case p.calls == p.killAt:
		p.strike("kill")
		p.say("%s is killed", p.name)
		p.dead = true
		runtime.Goexit()
	case p.calls == p.signalAt && p.session != nil:
		p.signal()
	case p.calls == p.pauseAt:
		p.pause(p.pauseFor)
		p.sleep(0)
	}
}

// signal is what an operator sends who wants it to end.
func (p *proc) signal() {
	p.strike("signal")
	p.say("%s gets a signal", p.name)
	p.signals++
	p.poke()
}

func (p *proc) pause(d time.Duration) {
	p.strike("pause")
	p.paused = time.Now().Add(d)
	p.say("%s is paused for %s", p.name, d)
	p.after(0, p.tend)
	p.after(d+p.store.ttl, p.tend)
}

// Now and Wait make a process its own clock.
func (p *proc) Now() time.Time { return time.Now() }

// Wait returns when d has passed, or sooner when it is poked or a channel can be received from.
func (p *proc) Wait(d time.Duration, wake ...<-chan struct{}) {
	p.moment()
	for _, channel := range wake {
		select {
		case <-channel:
			d = 0
		default:
		}
	}
	p.waits++
	p.sleeping = true
	p.sleep(d)
	p.sleeping = false
}

// poke ends a Wait.
func (p *proc) poke() {
	if p.sleeping && !p.over {
		token := p.token
		p.after(0, func() { p.wake(token) })
	}
}

// effect is a request that was given up by who made it, and may still land.
type effect struct {
	do   func() error
	over bool
}

var errRefused = errors.New("500: try again")

// ask makes one request that changes something, and waits for its answer. The other side carries requests with the same
// key out in the order in which they come: one that is still to land lands before a later one, or never. What makes
// something new lands in time or never: nothing that is asked later would be sure to win over it.
func (p *proc) ask(ctx context.Context, key, what string, makes bool, do func() error) error {
	p.moment()
	p.sleep(p.between(0, time.Millisecond)) // it has looked at the lock, and has not sent anything
	if err := ctx.Err(); err != nil {
		return err
	}
	p.sends(ctx, what)
	var answer error
	answered := false
	land := func() {
		answer, answered = p.land(key, what, do), true
	}
	switch {
	case p.strikes("request refused", p.trouble):
		p.say("%s: %s: refused", p.name, what)
		p.nap(ctx, p.latency())
		return errRefused
	case p.strikes("request lost", p.trouble/3):
		p.say("%s: %s: never lands", p.name, what)
		return p.timeOut(ctx)
	case !makes && p.strikes("request late", p.trouble/3):
		e := &effect{do: do}
		p.late[key] = append(p.late[key], e)
		deadline, _ := ctx.Deadline()
		wait := time.Until(deadline) + p.between(0, 20*time.Second)
		p.say("%s: %s: lands after %s or never", p.name, what, wait)
		p.after(wait, func() {
			if !e.over {
				e.over = true
				p.say("late: %s", what)
				e.do()
				p.changed = true
			}
		})
		return p.timeOut(ctx)
	case p.strikes("answer lost", p.trouble/3):
		p.after(p.latency(), land)
		return p.timeOut(ctx)
	}
	p.after(p.latency(), land)
	for !answered {
		if err := p.nap(ctx, p.latency()+time.Microsecond); err != nil {
			return err
		}
	}
	return answer
}

// land lets a request happen where it is asked for, after those before it.
func (w *world) land(key, what string, do func() error) error {
	for _, e := range w.late[key] {
		if !e.over && w.chance(0.5) {
			w.say("late, before the next: %s", key)
			e.do()
		}
		e.over = true
	}
	delete(w.late, key)
	err := do()
	w.changed = true
	w.say("%s: %v", what, err)
	return err
}

// looks is a request that changes nothing. The error is that there is no answer.
func (p *proc) looks(ctx context.Context, what string) error {
	p.moment()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case p.strikes("look failed", p.trouble/4):
		p.nap(ctx, p.latency())
		return fmt.Errorf("%s: connection reset", what)
	case p.strikes("look hung", p.trouble/40):
		return p.timeOut(ctx)
	case p.chance(0.2):
		return p.nap(ctx, p.latency())
	}
	return nil
}

// nap sleeps, but not longer than the context allows.
func (p *proc) nap(ctx context.Context, d time.Duration) error {
	if deadline, bounded := ctx.Deadline(); bounded && time.Until(deadline) < d {
		return p.timeOut(ctx)
	}
	p.sleep(d)
	return ctx.Err()
}

func (p *proc) timeOut(ctx context.Context) error {
	if deadline, bounded := ctx.Deadline(); bounded {
		p.sleep(time.Until(deadline) + time.Microsecond)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.New("no answer")
}

// latency is that of one way through the network and whatever is behind it.
func (w *world) latency() time.Duration {
	if w.chance(0.03) {
		return w.between(0, 1500*time.Millisecond)
	}
	return w.between(100*time.Microsecond, 20*time.Millisecond)
}
