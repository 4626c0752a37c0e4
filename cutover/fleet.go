package cutover

import (
	"errors"
	"fmt"
	"slices"
)

// fleet is what Verify simulates: the rung of everything, with the rules that couple the ladders.
type fleet struct {
	status  map[string]status
	serving int
	running int
	oneWay  bool // a one-way step has been taken

	minServing, maxRunning int
	workloads              []State           // the driver's ladder
	partner                map[string]string // who replaces, or is replaced by, each
	exclusive              map[string]bool   // new containers that consume nothing before they are told to; nil: all overlap
}

type status struct {
	container, member, workload, consumers State

	unflushed bool // it has served since it was last quiesced
}

func (s status) String() string {
	return fmt.Sprintf("%s, %s, %s", s.container, s.member, s.workload)
}

// part is the status of some of the fleet's containers.
type part map[string]status

func newFleet(p Plan, seen World) *fleet {
	f := &fleet{
		status: map[string]status{}, minServing: p.Spec.Strategy.MinServing,
		maxRunning: len(seen.Nodes) + p.Spec.Strategy.MaxSurge, workloads: p.Spec.Ladder, partner: map[string]string{},
	}
	if p.Spec.Consumers == Exclusive {
		f.exclusive = map[string]bool{}
		for _, pair := range p.Pairs {
			f.exclusive[pair.New] = true
		}
	}
	for _, node := range seen.Nodes {
		s := status{node.Container, node.Member, node.Workload, Consuming, node.Member == Serving}
		if len(f.workloads) < 2 {
			s.workload = Active // nobody asks it for anything else
		}
		f.set(node.Name, s)
	}
	for _, pair := range p.Pairs {
		f.set(pair.New, status{container: Absent, member: Out})
		f.partner[pair.New], f.partner[pair.Old] = pair.Old, pair.New
	}
	return f
}

func (f *fleet) set(name string, next status) {
	count := func(s status, by int) {
		if s.member == Serving {
			f.serving += by
		}
		if s.container == Healthy {
			f.running += by
		}
	}
	count(f.status[name], -1)
	count(next, 1)
	f.status[name] = next
}

func (f *fleet) part(names []string) part {
	p := make(part, len(names))
	for _, name := range names {
		p[name] = f.status[name]
	}
	return p
}

func (f *fleet) become(p part) {
	for name, s := range p {
		f.set(name, s)
	}
}

// move applies a step to all of its targets. With arrived, a target may be on the step's upper rung already: the
// step in flight may not have moved it, or a coupled ladder may have.
func (f *fleet) move(step Step, arrived bool) error {
	if f.oneWay && !step.OneWay {
		return errors.New("a step that can be undone comes after a one-way step")
	}
	f.oneWay = f.oneWay || step.OneWay
	if len(step.Targets) == 0 {
		return errors.New("it has no target")
	}
	ladder := ladders[step.Kind]
	if step.Kind == Workload {
		ladder = f.workloads
	}
	from, to := slices.Index(ladder, step.From), slices.Index(ladder, step.To)
	if from < 0 || to < 0 {
		return fmt.Errorf("%s to %s is not on the %s ladder", step.From, step.To, step.Kind)
	}
	if distance := to - from; distance > 1 || distance < -1 {
		return fmt.Errorf("%s to %s is more than one rung", step.From, step.To)
	}
	for _, name := range step.Targets {
		if err := f.moveOne(step, name, arrived); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return f.holds()
}

func (f *fleet) moveOne(step Step, name string, arrived bool) error {
	s, known := f.status[name]
	if !known {
		return errors.New("no such container in the plan")
	}
	at := s.at(step.Kind)
	fallen := step.Kind == Workload && rung(Workload, at) < rung(Workload, step.From) // a start has made it active
	if at != step.From && (!arrived || (at != step.To && !fallen)) {
		return fmt.Errorf("it is %s, not %s", at, step.From)
	}
	if err := f.mayLeave(s, step); err != nil {
		return err
	}
	s = f.moved(s, name, step)
	f.set(name, s)
	if other := f.partner[name]; f.exclusive != nil && s.consumers == Consuming && f.status[other].consumers == Consuming {
		return fmt.Errorf("it would consume while %s does", other)
	}
	return s.holds()
}

// mayLeave says why a container must not leave healthy.
func (f *fleet) mayLeave(s status, step Step) error {
	switch {
	case step.Kind != Container || s.container != Healthy || step.To == Healthy:
		return nil
	case s.member != Out:
		return fmt.Errorf("its container would leave healthy while its member is %s", s.member)
	case s.unflushed && len(f.workloads) > 1:
		return errors.New("its container would leave healthy before its workload is quiesced")
	}
	return nil
}

// moved is a status after a step, with what the ladders do to each other.
func (f *fleet) moved(s status, name string, step Step) status {
	switch step.Kind {
	case Container:
		if s.container != Healthy && step.To == Healthy {
			s.workload, s.consumers = Active, f.woken(name) // a start begins a new life
		}
		if step.To != Healthy {
			s.consumers = Suspended
		}
		if step.To == Absent {
			s.workload, s.consumers, s.unflushed = "", "", false
		}
		s.container = step.To
	case Member:
		s.member = step.To
		s.unflushed = s.unflushed || step.To == Serving
	case Workload:
		s.workload = step.To
		s.unflushed = s.unflushed && step.To != Quiesced
		switch {
		case step.To == Quiesced:
			s.consumers = Suspended
		case !f.exclusive[name]:
			s.consumers = Consuming
		}
	case Consumers:
		s.consumers = step.To
	}
	return s
}

// woken is what a start does to the consumers of a container.
func (f *fleet) woken(name string) State {
	if f.exclusive[name] {
		return Suspended
	}
	return Consuming
}

func (s status) at(kind Kind) State {
	switch kind {
	case Container:
		return s.container
	case Member:
		return s.member
	case Consumers:
		return s.consumers
	default:
		return s.workload
	}
}

// holds are the rules for one container.
func (s status) holds() error {
	switch {
	case s.member != Out && s.container != Healthy:
		return fmt.Errorf("its member would be %s while its container is %s", s.member, s.container)
	case s.member != Out && s.workload == Quiesced:
		return fmt.Errorf("its member would be %s while its workload is quiesced", s.member)
	}
	return nil
}

// holds are the rules for the whole fleet.
func (f *fleet) holds() error {
	if f.serving < f.minServing {
		return fmt.Errorf("%d members would serve, at least %d must", f.serving, f.minServing)
	}
	if f.running > f.maxRunning {
		return fmt.Errorf("%d containers would run, at most %d may", f.running, f.maxRunning)
	}
	return nil
}
