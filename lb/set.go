package lb

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/cutover/cutover/cutover"
)

// Reason is shown by Consul beside the maintenance that it belongs to.
const Reason = "cutover"

// Set implements cutover.Resource. It is repeatable and does not wait for a balancer to follow.
func (m *Members) Set(ctx context.Context, target string, want cutover.State) error {
	members, err := m.find(ctx, target)
	if err == nil {
		switch want {
		case cutover.Out:
			err = m.remove(ctx, target, members)
		case cutover.Drained:
			err = m.drain(ctx, target, members)
		case cutover.Serving:
			err = m.serve(ctx, target, members)
		default:
			err = cutover.Permanent(fmt.Errorf("a member has no state %q", want))
		}
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", verbs[want], target, err)
	}
	return nil
}

var verbs = map[cutover.State]string{cutover.Out: "deregister", cutover.Drained: "drain", cutover.Serving: "serve"}

// Refresh makes the registrations of a target lead to where it is now, when they do not: in maintenance or out of it, as
// they were. What is not registered stays so. It is repeatable and does not wait for a balancer to follow.
func (m *Members) Refresh(ctx context.Context, target string) error {
	members, err := m.find(ctx, target)
	if err != nil {
		return fmt.Errorf("register %s anew: %w", target, err)
	}
	stale, held := false, false
	for _, one := range members {
		for _, r := range one.regs {
			stale = stale || (one.want.IsValid() && r.Endpoint() != one.want)
			held = held || r.Maintenance
		}
	}
	if !stale {
		return nil
	}
	if held {
		_, err = m.register(ctx, target, members)
	} else {
		err = m.serve(ctx, target, members)
	}
	if err != nil {
		return fmt.Errorf("register %s anew: %w", target, err)
	}
	return nil
}

// drain puts a target into maintenance, if enough others serve: a registered one after the balancers were told to hold it, one that is not
// registered from its first moment on.
func (m *Members) drain(ctx context.Context, target string, members []member) error {
	if err := m.enough(ctx, target); err != nil {
		return err
	}
	if err := m.hold(ctx, members); err != nil {
		return err
	}
	registered := slices.ContainsFunc(members, func(one member) bool { return len(one.regs) > 0 })
	fresh, err := m.register(ctx, target, members)
	if err != nil {
		return err
	}
	if isNew := m.cfg.New != nil && m.cfg.New(target); !registered && (isNew || m.goingBack()) {
		m.draining(target).entering = true
	}
	return m.maintain(ctx, target, members, fresh)
}

// maintain switches maintenance on for every registration but those that were just made in it. Re-registering would
// end maintenance, so nothing else is written.
func (m *Members) maintain(ctx context.Context, target string, members []member, fresh map[string]bool) error {
	intent, turned := m.cfg.Agent(target), false
	for _, one := range members {
		for _, r := range one.regs {
			if fresh[r.ID] {
				continue
			}
			if err := intent.Maintain(ctx, r.ID, true, Reason); err != nil {
				return fmt.Errorf("put %s into maintenance: %w", r.ID, err)
			}
			turned = turned || !r.Maintenance
		}
	}
	if turned {
		m.timing.leaves(target, m.cfg.Now())
	}
	return nil
}

// register makes the registrations that are missing, and makes those anew that do not lead to where the container
// is now (it was restarted, or another one has its old address). It tells the ids that it registered.
func (m *Members) register(ctx context.Context, target string, members []member) (map[string]bool, error) {
	intent, fresh := m.cfg.Agent(target), map[string]bool{}
	for _, one := range members {
		todo := one.known
		if len(one.regs) > 0 {
			todo = one.missing()
			for _, r := range one.regs {
				if one.want.IsValid() && r.Endpoint() != one.want {
					todo = append(todo, r)
				}
			}
		}
		for _, r := range todo {
			if !one.want.IsValid() {
				return nil, fmt.Errorf("register %s: %s does not run, so it has no address", r.ID, target)
			}
			r.Service, r.Check = one.service.Name, one.service.Check
			r.Address, r.Port = one.want.Addr().String(), int(one.want.Port())
			if err := intent.Register(ctx, r); err != nil {
				return nil, fmt.Errorf("register %s in maintenance: %w", r.ID, err)
			}
			fresh[r.ID] = true
		}
	}
	return fresh, nil
}

// serve ends maintenance, and then what is left of a hold where a balancer has not been reloaded since.
func (m *Members) serve(ctx context.Context, target string, members []member) error {
	delete(m.drains, target)
	fresh, err := m.register(ctx, target, members)
	if err != nil {
		return err
	}
	if len(fresh) > 0 {
		if members, err = m.find(ctx, target); err != nil {
			return err
		}
	}
	intent := m.cfg.Agent(target)
	for _, one := range members {
		for _, r := range one.regs {
			if r.Maintenance {
				m.timing.joins(target)
			}
			if err := intent.Maintain(ctx, r.ID, false, Reason); err != nil {
				return fmt.Errorf("end maintenance of %s: %w", r.ID, err)
			}
		}
	}
	// A balancer that was left out since may still hold it.
	return m.each(m.cfg.Balancers, members, func(b Balancer, at []netip.AddrPort) error {
		delete(m.notes, b.Name())
		if m.leftOut(b.Name()) {
			m.releaseLeftOut(ctx, b, at)
			return nil
		}
		_, err := b.Hold(ctx, at, false)
		return err
	})
}

// remove deregisters through the owning agent, from maintenance only. What is not registered is deregistered too: an
// earlier request to register it may have been given up and still be on its way, and only a later request wins over it.
func (m *Members) remove(ctx context.Context, target string, members []member) error {
	for _, one := range members {
		for _, r := range one.regs {
			if r.Maintenance {
				continue
			}
			if err := m.hold(ctx, members); err != nil {
				return err
			}
			if err := m.maintain(ctx, target, members, nil); err != nil {
				return err
			}
		}
	}
	intent := m.cfg.Agent(target)
	for _, one := range members {
		for _, r := range slices.Concat(one.regs, one.missing()) {
			if err := intent.Deregister(ctx, r.ID); err != nil {
				return fmt.Errorf("deregister %s: %w", r.ID, err)
			}
		}
	}
	return nil
}

// hold takes registered members out of service in every worker, ahead of the registry: once a balancer was reloaded,
// its old workers can't be told any more. A balancer that can't be reached is an error, before Consul is told.
func (m *Members) hold(ctx context.Context, members []member) error {
	return m.each(m.asked(), members, func(b Balancer, at []netip.AddrPort) error {
		note, err := b.Hold(ctx, at, true)
		m.notes[b.Name()] = note
		return err
	})
}

// releaseLeftOut tries, briefly, what nobody waits for.
func (m *Members) releaseLeftOut(ctx context.Context, b Balancer, at []netip.AddrPort) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := b.Hold(ctx, at, false); err != nil {
		m.notes[b.Name()] = "may still hold it in MAINT until it is reloaded"
	}
}

// missing are registrations that are known for a target, of which others are there: what a crash between two
// deregistrations leaves. Where somebody else registered it, under an id of their own, nothing is missing.
func (one member) missing() []Registration {
	here := map[string]bool{}
	for _, r := range one.regs {
		here[r.ID] = true
		if !slices.ContainsFunc(one.known, func(k Registration) bool { return k.ID == r.ID }) {
			return nil
		}
	}
	return slices.DeleteFunc(slices.Clone(one.known), func(k Registration) bool { return here[k.ID] })
}

// each calls a function for every one of these balancers that routes a registered service of a running container; all of them, whatever fails.
func (m *Members) each(balancers []Balancer, members []member, do func(Balancer, []netip.AddrPort) error) error {
	var failed []error
	for _, b := range balancers {
		var at []netip.AddrPort
		for _, one := range members {
			if len(one.regs) > 0 && one.want.IsValid() && one.service.via(b.Name()) {
				at = append(at, one.endpoints()...)
			}
		}
		if len(at) == 0 {
			continue
		}
		if err := do(b, at); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
