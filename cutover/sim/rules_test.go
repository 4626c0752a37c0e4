package sim_test

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cutover/cutover/cutover"
)

// check asserts what must hold at every moment.
func (w *world) check() {
	if !w.changed {
		return
	}
	w.changed = false
	for _, b := range w.balancers {
		if b.up {
			w.checkRoutes(b)
		}
	}
	running := 0
	w.each(func(c *container) {
		if c.running {
			running++
		}
		if c.serves() {
			delete(w.fell, c.at)
			if !c.hurt.IsZero() && w.everywhere(c) && w.consul.passes(c) {
				c.hurt = time.Time{}
			}
		}
		c.unflushed = c.unflushed || (w.consumers == cutover.Overlap && c.consuming() && c.serves())
		if old := w.container(replaces(c.name)); c.fresh && w.consumers == cutover.Exclusive && old != nil && old.consuming() && c.consuming() {
			w.breaks("%s consumes while %s does", c.name, old.name)
		}
	})
	if len(w.plan.Steps) > 0 && running > w.nodes+w.plan.Spec.Strategy.MaxSurge {
		w.breaks("%d containers run, %d nodes and %d more may", running, w.nodes, w.plan.Spec.Strategy.MaxSurge)
	}
}

// checkRoutes asserts that a balancer, as it runs, sends requests to containers that answer, and to enough of them; what a
// fault took out of service is excused.
func (w *world) checkRoutes(b *balancer) {
	serving := map[string]bool{}
	for _, k := range b.workers {
		for _, s := range k.servers {
			if !k.reaches(s) {
				continue
			}
			c := w.byAddress[s.at]
			switch {
			case c.at == s.at && c.serves():
				c.unflushed = true
				if !k.old {
					serving[c.name] = true
				}
			case !w.fell[s.at] && (!k.old || !c.mayBeCut()):
				w.breaks("%s can send requests to %s at %s, which does not answer there", b.name, c.name, s.at.Addr())
			}
		}
	}
	excused := 0
	w.each(func(c *container) {
		if !c.hurt.IsZero() && !serving[c.name] {
			excused++
		}
	})
	if least := w.plan.Spec.Strategy.MinServing; len(serving)+excused < least {
		w.breaks("%s runs %d members that answer (%d more are excused), at least %d must", b.name, len(serving), excused, least)
	}
}

// began is when the step in flight was saved.
func (p *proc) began() time.Time {
	entries := p.session.last.History
	if len(entries) == 0 {
		return time.Now()
	}
	return entries[len(entries)-1].Started
}

// spared asserts, right before a member that serves is taken out, that enough others serve; those that a fault has taken out a while ago
// do not count. On the way back one other is enough. Who is lied to in that step can't tell: it may be held already.
func (p *proc) spared(id string) {
	least := p.plan.Spec.Strategy.MinServing
	if p.session.last.Direction == cutover.Back {
		least = min(least, 1)
	}
	others := 0
	p.each(func(c *container) {
		r := p.consul.find("api-" + c.name)
		if r != nil && r.id != id && r.at == c.at && r.passing && !r.maintenance && c.serves() && p.everywhere(c) {
			others++
		}
	})
	serves := !slices.ContainsFunc(p.balancers, func(b *balancer) bool {
		return b.lies.After(p.began()) || b.running().server(p.consul.find(id).at) == nil
	})
	if serves && others < least && time.Since(p.lastHit) > p.settleTime()+p.limit {
		p.breaks("%s takes %s out, and only %d others serve, at least %d must", p.name, id, others, least)
	}
}

// everywhere reports whether every balancer sends requests to a container, or will when it is up again.
func (w *world) everywhere(c *container) bool {
	return !slices.ContainsFunc(w.balancers, func(b *balancer) bool {
		s := b.running().server(c.at)
		return s == nil || s.held
	})
}

// sends asserts that whoever changes something has the lock for as long as the request can take.
func (p *proc) sends(ctx context.Context, what string) {
	s := p.session
	if strings.HasSuffix(what, " saves") {
		return // it is refused where it lands
	}
	if s.gone {
		p.breaks("%s sends %q although somebody else has had the lock since", p.name, what)
	}
	if w := p.store.stored; w == nil || w.Direction != p.direction || w.Cursor+1 != p.step {
		p.breaks("%s sends %q in a step that the journal does not know of", p.name, what)
	}
	deadline, bounded := ctx.Deadline()
	if p.store.leased && (!bounded || deadline.After(p.store.free)) {
		p.breaks("%s sends %q, which may land until %s after the lock can be somebody else's", p.name, what, deadline.Sub(p.store.free))
	}
}

// watched is a resource of one process: nobody who has heard that the lock is gone, and has waited since, asks for anything.
type watched struct {
	cutover.Resource
	p *proc
}

// Set asks for one rung.
func (r watched) Set(ctx context.Context, target string, want cutover.State) error {
	if s := r.p.session; s.heard > 0 && r.p.waits >= s.heard {
		r.p.breaks("%s asks %s to be %s although it has heard that the lock is gone", r.p.name, target, want)
	}
	return r.Resource.Set(ctx, target, want)
}

// stopped is called right before a container takes no more requests because somebody wants it so: nobody must send it
// any, and nothing may be in flight.
func (c *container) stopped() {
	for _, b := range c.balancers {
		for _, k := range b.workers {
			s := k.server(c.at)
			switch {
			case s == nil || !b.up || !c.serves():
			case k.reaches(s) && (!k.old || !c.mayBeCut()):
				c.breaks("%s is taken down while %s can send it requests", c.name, b.name)
			case s.busy.After(time.Now()) && !c.mayBeCut():
				c.breaks("%s is taken down with requests of %s in flight", c.name, b.name)
			}
		}
	}
	c.meant, c.hurt = true, time.Time{}
}

// mayBeCut reports whether the journal says that work in flight was given up.
func (c *container) mayBeCut() bool {
	return c.store.stored != nil && slices.ContainsFunc(c.store.stored.Warnings, func(text string) bool {
		return strings.Contains(text, "work in flight was cut") && (strings.Contains(text, c.name) || strings.Contains(text, "more"))
	})
}

// loses is called when a container ends because somebody wants it so, with what it holds not flushed.
func (c *container) loses() {
	switch {
	case len(c.spec.Ladder) < 2 || !c.unflushed || c.bled:
	case c.fresh && c.goesBack():
		c.lost[c.name] = true // which the end must say
	case c.goesBack() && !c.store.stored.QuiescedAt(c.name).IsZero():
		c.outcomes["node restarted before it was quiesced"]++ // it may have been asked to: only a new life is sure to be active
	default:
		c.breaks("%s is stopped before what it holds was flushed", c.name)
	}
}

// isStuck asserts that a run which says that it is stuck says where, and is.
func (p *proc) isStuck(j cutover.Journal) {
	step := j.Steps()[j.Cursor]
	named := slices.ContainsFunc(step.Targets, func(name string) bool { return strings.Contains(j.Reason, name) })
	if !named || !strings.Contains(j.Reason, string(step.To)) {
		p.breaks("stuck at %s, and the reason does not say so: %s", step, j.Reason)
	}
	arrived := !slices.ContainsFunc(step.Targets, func(name string) bool { return p.state(step.Kind, name) != step.To })
	if arrived && time.Since(p.lastFault) > 2*step.Timeout+step.Hold+time.Minute {
		p.breaks("said to be stuck at %s, which is reached: %s", step, j.Reason)
	}
}

// state is the truth about one thing, or "" when it is between two states.
func (w *world) state(kind cutover.Kind, name string) cutover.State {
	c := w.container(name)
	switch {
	case kind == cutover.Container && c == nil:
		return cutover.Absent
	case kind == cutover.Container && !c.running:
		return cutover.Stopped
	case kind == cutover.Container && c.serves():
		return cutover.Healthy
	case kind == cutover.Member && c != nil && w.everywhere(c):
		return cutover.Serving
	case kind == cutover.Member && w.consul.find("api-"+name) == nil:
		return cutover.Out
	case kind == cutover.Workload && c != nil && c.running:
		return c.mode
	case kind == cutover.Consumers && c != nil && c.consuming():
		return cutover.Consuming
	}
	return ""
}

// isOver asserts what must hold when a rollout has ended and everything has settled: the fleet is the new or the old one,
// whole, and nothing is left over.
func (w *world) isOver(j cutover.Journal) {
	w.ended = true
	w.say("the end: %s", j.Outcome)
	w.outcomes["finally "+string(j.Outcome)]++
	switch j.Outcome {
	case cutover.Done, cutover.RolledBack:
	default:
		w.breaks("ended as %q: %s", j.Outcome, j.Reason)
	}
	for name := range w.lost {
		if !slices.ContainsFunc(j.Warnings, func(text string) bool { return strings.Contains(text, name) }) {
			w.breaks("%s was stopped before what it holds was flushed, and nobody was told", name)
		}
	}
	last := j.History[len(j.History)-1].Started
	for _, entry := range j.History {
		if entry.Step.OneWay && entry.Started.Before(last) {
			last = entry.Started // from then on nobody looks at the new ones
		}
	}
	here := map[string]bool{}
	for _, node := range j.Plan.World.Nodes {
		name := node.Name
		if fresh := j.Plan.New(name); fresh != "" && j.Outcome == cutover.Done {
			name = fresh
		}
		here[name] = true
		w.isWell(name, last, j.Plan.New(node.Name) == "" && j.Outcome == cutover.Done)
	}
	for _, name := range w.names {
		if !here[name] && (w.container(name) != nil || w.consul.find("api-"+name) != nil) {
			w.breaks("%s is left over", name)
		}
	}
	for _, b := range w.balancers {
		for _, s := range b.running().servers {
			if s.held {
				w.breaks("%s still holds %s", b.name, s.at)
			}
		}
	}
}

// isWell asserts that a container serves as it should. A fault of the last moment, that could not be seen any more, is excused,
// and any fault of a node that the rollout was not about.
func (w *world) isWell(name string, last time.Time, bystander bool) {
	c := w.container(name)
	if c == nil {
		w.breaks("%s is gone", name)
		return
	}
	if !c.hurt.IsZero() && (bystander || c.hurt.After(last.Add(-w.settleTime()))) {
		return
	}
	switch r := w.consul.find("api-" + name); {
	case !c.serves():
		w.breaks("%s does not serve at the end", name)
	case r == nil || r.maintenance || r.at != c.at || !w.everywhere(c):
		w.breaks("%s is no member at the end: %+v", name, r)
	case c.mode != cutover.Active:
		w.breaks("%s is %s at the end", name, c.mode)
	case !c.consuming():
		w.breaks("%s does not consume at the end", name)
	case c.policy != w.restarts:
		w.breaks("%s has not its restart policy at the end", name)
	}
}
