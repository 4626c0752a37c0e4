package sim_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/lb"
)

var abortRequest = cutover.Request{What: cutover.RequestAbort, Who: "ops"}

// operate is somebody who runs the program.
func (w *world) operate(verb, machine string) {
	p := w.spawn(fmt.Sprintf("%s-%d", verb, len(w.procs)+1), machine, func(p *proc) { p.result = p.program(verb) })
	if w.active["kill"] && w.chance(0.5) {
		p.killAt = w.rng.IntN(3000)
	}
	if w.active["pause"] && w.chance(0.5) {
		p.pauseAt, p.pauseFor = w.rng.IntN(3000), w.between(0, 4*w.store.ttl)
	}
	if w.active["signal"] && w.chance(0.2) {
		p.signalAt = w.rng.IntN(100)
	}
	w.say("operator on %s: %s", machine, verb)
}

// program is what cmd/cutover does for a verb.
func (p *proc) program(verb string) string {
	session, err := p.store.acquire(p)
	if err != nil {
		return err.Error()
	}
	defer session.Close()
	p.session = session
	journal, err := session.load(p)
	switch {
	case err != nil:
		return err.Error()
	case verb == "apply" && journal == nil:
		plan, err := p.prepare()
		if err != nil {
			return err.Error()
		}
		fresh := cutover.NewJournal(plan, time.Now())
		journal, session.last = &fresh, fresh
	case verb == "apply" || journal == nil || !journal.Open():
		return "not for " + verb
	case verb == "rollback":
		if err := journal.TurnRound("rollback was asked for"); err != nil {
			return err.Error()
		}
	}
	members, err := p.members()
	if err != nil {
		return err.Error()
	}
	boxes := &containers{proc: p, started: map[string]bool{}, signals: map[string]time.Time{}}
	poll := map[cutover.Kind]time.Duration{}
	for _, kind := range []cutover.Kind{cutover.Container, cutover.Member, cutover.Workload, cutover.Consumers} {
		poll[kind] = p.poll
	}
	runner := cutover.Runner{
		Clock: p, Emit: p.emit, Poll: poll, Limit: p.limit, Look: p.look, Interrupts: func() int { return p.signals }, Locate: p.locate,
		Resources: map[cutover.Kind]cutover.Resource{
			cutover.Container: watched{boxes, p}, cutover.Member: watched{members, p},
			cutover.Workload: watched{&gateways{p, boxes}, p}, cutover.Consumers: watched{consumption{p, boxes}, p},
		},
	}
	p.journal = runner.Run(context.Background(), session, *journal)
	p.ends()
	return string(p.journal.Outcome)
}

func (p *proc) prepare() (cutover.Plan, error) {
	seen := p.seen()
	plan, err := cutover.Build(p.spec, seen)
	if err == nil {
		err = plan.Verify(seen)
	}
	p.plan = plan
	return plan, err
}

// members is the real thing, on this process's way to Consul and the balancers.
func (p *proc) members() (*lb.Members, error) {
	plan := p.plan
	config := lb.Config{
		Services: []lb.Service{{Name: "api", Port: 5555, Check: lb.Check{HTTP: "/health", Interval: p.interval}}},
		Locate:   p.locate,
		Agent:    func(string) lb.Intent { return agent{p} },
		Foreign:  func(target, id string) bool { return id != "api-"+target },
		Fleet: func() (names []string, least int) {
			for _, node := range plan.World.Nodes {
				names = append(names, node.Name)
			}
			for _, pair := range plan.Pairs {
				names = append(names, pair.New)
			}
			return names, plan.Spec.Strategy.MinServing
		},
		New:  func(target string) bool { return plan.Old(target) != "" },
		Back: func() bool { return p.session.last.Direction == cutover.Back },
		Now:  time.Now,
	}
	for _, b := range p.balancers {
		config.Balancers = append(config.Balancers, door{p, b})
	}
	return lb.New(config)
}

func (p *proc) locate(ctx context.Context, target string) (cutover.Place, error) {
	c, err := p.inspect(ctx, target)
	if err != nil {
		return cutover.Place{}, err
	}
	if c == nil {
		return cutover.Place{Host: "host"}, nil
	}
	place := c.place()
	if c.running {
		place.Address = c.at.Addr().String()
	}
	return place, nil
}

func (p *proc) emit(e cutover.Event) {
	switch e.Type {
	case cutover.EventStep:
		p.again++
		if p.step != e.Number || p.direction != e.Direction {
			p.step, p.direction, p.again = e.Number, e.Direction, 0
		}
		if e.Direction == cutover.Back {
			p.noGrossLies()
		}
		if p.again > 2 { // a way back mends twice at most
			p.breaks("%s goes round and round at %s", p.name, e.Step)
		}
		if hold := e.Step.Hold; e.Step.Kind == cutover.Member && hold > time.Second && !p.goesBack() && p.strikes("balancer lies grossly", p.rough/20) {
			p.balancer().lie(hold-p.poll, true)
		}
		p.say("%s: %s %d of %d: %s", p.name, e.Direction, e.Number, e.Of, e.Step)
	case cutover.EventTurn, cutover.EventWarning, cutover.EventNotice, cutover.EventOutcome:
		p.say("%s: %s %s %s", p.name, e.Type, e.Outcome, e.Detail)
	}
}

// noGrossLies: on the way back nothing is held, so nothing would find them out.
func (p *proc) noGrossLies() {
	for _, b := range p.balancers {
		b.grossly = false
	}
}

// ends judges how a run has ended.
func (p *proc) ends() {
	j := p.journal
	p.outcomes[string(j.Outcome)]++
	switch j.Outcome {
	case cutover.Done, cutover.RolledBack:
		p.finals = append(p.finals, j)
		p.heal()
	case cutover.Interrupted:
		if p.signals < 2 && !strings.Contains(j.Reason, "save the journal") {
			p.breaks("%s stops where it is, and nobody wants it to: %s", p.name, j.Reason)
		}
	case cutover.Stuck:
		p.isStuck(j)
	}
}

// isPaused reports whether a process does not act for now.
func (p *proc) isPaused() bool { return time.Now().Before(p.paused) }

// goesBack reports whether the rollout does.
func (w *world) goesBack() bool {
	return w.store.stored != nil && w.store.stored.Direction == cutover.Back
}

// tend is what operators do when nobody works: another one carries the rollout on. When it has ended, all is judged.
func (w *world) tend() {
	if w.tending || w.somebody() != nil {
		return
	}
	w.tending = true
	stored := w.store.stored
	if stored != nil && !stored.Open() {
		for _, p := range w.procs {
			if !p.over {
				w.tending = false
				return // it is tended to again when that one has ended
			}
		}
		w.heal()
		w.after(2*time.Minute, func() { w.isOver(*stored) })
		return
	}
	if w.healed {
		w.attempts++
	}
	if w.attempts > 12 {
		w.neverEnds()
		return
	}
	w.after(w.between(time.Second, 15*time.Second), func() {
		w.tending = false
		if w.somebody() != nil {
			return
		}
		machine := "here"
		if w.store.leased && w.chance(0.5) {
			machine = "there"
		}
		switch {
		case w.store.stored == nil:
			w.operate("apply", machine)
		case !w.store.stored.Open():
			w.tend()
		case w.chance(0.7):
			w.operate("resume", machine)
		default:
			w.operate("rollback", machine)
		}
	})
}

// neverEnds: nothing fails any more, and still there is no end.
func (w *world) neverEnds() {
	stored := w.store.stored
	switch {
	case stored != nil && stored.Outcome == cutover.Stuck && w.active["never starts again"] && strings.Contains(stored.Reason, w.spoilt):
		w.outcomes["stuck for ever"]++
		w.ended = true
	case stored == nil:
		w.breaks("nobody can begin")
	default:
		w.breaks("all is well and it does not end: %s %s %d: %s", stored.Direction, stored.Outcome, stored.Cursor, stored.Reason)
	}
}
