package sim_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/cutover/cutover/cutover"
)

// scenario is what a seed is about: fleet, strategy, timings and the kinds of faults that can happen.
type scenario struct {
	nodes, hosts, alreadyNew int
	spec                     cutover.Spec
	consumers                cutover.ConsumerPolicy
	stopTimeout              time.Duration
	startup                  time.Duration // most that a gateway takes to be ready
	interval                 time.Duration // of Consul's checks
	follow                   time.Duration // most that a balancer takes to follow Consul
	longest                  time.Duration // request
	poll, limit, look        time.Duration // of the runner
	restarts                 bool          // the engine starts containers again that die

	active   map[string]bool // kinds of faults
	trouble  float64         // of a request
	rough    float64         // of everything else
	gap      time.Duration   // between two faults of the world
	healAt   time.Duration
	badImage bool
	// The gateways' administrator has another password than the operator believes.
	wrongPassword bool

	nextAddress int
	byAddress   map[netip.AddrPort]*container // who has, or has had, an address
	fell        map[netip.AddrPort]bool       // a fault took what is there out of service
}

// kinds are the faults that there are.
var kinds = []string{
	"kill", "pause", "signal", "abort", "lock lost", "renewal lost", "save failed",
	"request refused", "request lost", "request late", "answer lost", "look failed", "look hung",
	"container crashes", "gateway sick", "engine restarted", "clock set", "dies while starting", "flaps while starting", "does not stop", "dies while flushing",
	"consul down", "consul restarted", "balancer killed", "balancer stalls", "balancer misses", "balancer lies", "balancer lies grossly", "balancer reloads", "long request",
	"bad image", "never quiesces", "wrong password", "never starts again",
}

// forever are the kinds that nothing heals; a scenario has one of them at most, and seldom.
var forever = []string{"bad image", "never quiesces", "wrong password", "never starts again"}

func (w *world) newScenario(without map[string]bool) *scenario {
	s := &scenario{active: map[string]bool{}, byAddress: map[netip.AddrPort]*container{}, fell: map[netip.AddrPort]bool{}}
	pick := func(most int) int { return 1 + w.rng.IntN(most) }
	s.nodes = pick(4)
	if w.chance(0.15) {
		s.nodes = pick(12)
	}
	s.hosts = pick(2)
	if w.chance(0.1) {
		s.alreadyNew = w.rng.IntN(s.nodes)
	}
	ladders := [][]cutover.State{nil, {cutover.Active, cutover.Quiesced}, {cutover.Active, cutover.Quiesced}, {cutover.Active, cutover.Frozen, cutover.Quiesced}}
	ladder := ladders[w.rng.IntN(len(ladders))]
	kind := cutover.Rolling
	if len(ladder) > 2 && w.chance(0.7) {
		kind = cutover.BlueGreen
	} else if w.chance(0.2) {
		kind = cutover.Cluster
	}
	s.consumers = []cutover.ConsumerPolicy{"", cutover.Overlap, cutover.Exclusive}[w.rng.IntN(3)]
	policies := []cutover.Policy{cutover.Fail, cutover.Continue}
	s.spec = cutover.Spec{
		Service: "api-gateway", Rollout: "r1", Image: cutover.Image{Ref: "gateway:2", ID: "sha256:2222"},
		Ladder: ladder, Driver: "gateway", Consumers: s.consumers,
		Strategy: cutover.Strategy{
			Kind: kind, MaxSurge: pick(4), Start: pick(4), Shift: pick(3),
			Hold: w.between(0, 5*time.Second), Soak: w.between(0, 30*time.Second),
		},
		Budgets: cutover.Budgets{
			Create: 10 * time.Second, Start: w.between(20*time.Second, 60*time.Second), Join: w.between(15*time.Second, 40*time.Second),
			Drain: w.between(20*time.Second, 60*time.Second), Quiesce: 20 * time.Second, Stop: 25 * time.Second, Remove: 20 * time.Second,
			OnDrainTimeout: policies[w.rng.IntN(2)],
		},
	}
	if w.chance(0.2) {
		s.spec.Strategy.Hold = 0
	}
	if w.chance(0.4) {
		s.spec.Strategy.MinServing = 1 + w.rng.IntN(s.nodes)
	}
	s.stopTimeout = w.between(4*time.Second, 12*time.Second)
	s.startup, s.interval, s.follow = w.between(time.Second, 8*time.Second), w.between(300*time.Millisecond, 2*time.Second), w.between(50*time.Millisecond, 3*time.Second)
	s.longest = w.between(time.Second, 90*time.Second)
	s.poll, s.limit, s.look = w.between(100*time.Millisecond, 500*time.Millisecond), w.between(3*time.Second, 30*time.Second), w.between(time.Second, 5*time.Second)
	s.restarts = w.chance(0.7)
	w.newFaults(s, without)
	return s
}

// newFaults chooses what goes wrong: everything a little, or some things often.
func (w *world) newFaults(s *scenario, without map[string]bool) {
	likely := w.between(10, 90)
	for _, kind := range kinds {
		s.active[kind] = w.between(0, 100) < likely && !without[kind]
	}
	worst := forever[w.rng.IntN(len(forever))]
	some := w.chance(0.12)
	for _, kind := range forever {
		s.active[kind] = s.active[kind] && some && kind == worst
	}
	s.badImage, s.wrongPassword = s.active["bad image"], s.active["wrong password"]
	s.trouble, s.rough = w.rng.Float64()*0.06, w.rng.Float64()
	if w.chance(0.1) {
		s.trouble *= 4
	}
	s.gap = w.between(4*time.Second, 90*time.Second)
	s.healAt = w.between(30*time.Second, 8*time.Minute)
}

// newFleet makes a fleet that serves.
func (w *world) newFleet() {
	for i := range w.hosts {
		name := fmt.Sprintf("host-%d", i+1)
		w.engines[name] = &engine{world: w, name: name, up: true, containers: map[string]*container{}}
	}
	w.consul = &consul{world: w, up: true}
	w.store = &store{world: w, leased: w.chance(0.7), ttl: w.between(6*time.Second, 15*time.Second)}
	for i := range 1 + w.rng.IntN(3) {
		b := &balancer{world: w, name: fmt.Sprintf("lb-%d", i+1), up: true, holds: w.chance(0.6)}
		b.workers = []*worker{{id: 0}}
		w.balancers = append(w.balancers, b)
		w.spec.Balancers = append(w.spec.Balancers, cutover.Balancer{Name: b.name})
	}
	for i := range w.nodes {
		name := fmt.Sprintf("gw-%d", i+1)
		e := w.hostOf(name)
		c := &container{engine: e, name: name, consumes: true, policy: w.restarts, running: true, ready: true, mode: cutover.Active, life: 1, startedAt: w.began.Add(startedBefore)}
		e.containers[name] = c
		w.know(name)
		w.nextAddress++
		c.at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(w.nextAddress)}), 5555)
		w.byAddress[c.at] = c
		w.consul.regs = append(w.consul.regs, &reg{id: "api-" + name, at: c.at, passing: true})
		for _, b := range w.balancers {
			b.running().servers = append(b.running().servers, &server{at: c.at})
		}
	}
	w.spoilt = w.names[w.rng.IntN(len(w.names))]
	w.container(w.spoilt).neverQuiesces = w.active["never quiesces"]
	w.container(w.spoilt).neverStarts = w.active["never starts again"]
	for _, b := range w.balancers {
		w.after(10*time.Second, b.resync)
	}
	w.after(w.interval, w.consul.checkAll)
	w.after(w.gap, w.goesWrong)
	w.after(w.healAt, w.heal)
	w.after(0, func() { w.operate("apply", "here") })
}

// hostOf is the engine of a container, there or not.
func (w *world) hostOf(name string) *engine {
	number := 0
	fmt.Sscanf(replaces(name), "gw-%d", &number)
	return w.engines[fmt.Sprintf("host-%d", number%w.hosts+1)]
}

// seen is the fleet as a survey finds it.
func (w *world) seen() cutover.World {
	var seen cutover.World
	for i := range w.nodes {
		name := fmt.Sprintf("gw-%d", i+1)
		c := w.container(name)
		image := cutover.Image{Ref: "gateway:1", ID: "sha256:1111"}
		if i < w.alreadyNew {
			image = w.spec.Image
		}
		seen.Nodes = append(seen.Nodes, cutover.Node{
			Name: name, Base: name, Host: c.engine.name, ID: "id-" + name, Image: image, StartedAt: c.startedAt, Life: fmt.Sprint(c.life),
			Container: cutover.Healthy, Member: cutover.Serving, Workload: cutover.Active,
		})
	}
	return seen
}
