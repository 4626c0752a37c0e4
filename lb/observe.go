package lb

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/cutover/cutover/cutover"
)

// Observe implements cutover.Resource. A registry or balancer that can't be read in full is an error that names it.
func (m *Members) Observe(ctx context.Context, target string) (cutover.Observation, error) {
	seen, err := m.look(ctx, target)
	if err != nil {
		return cutover.Observation{}, fmt.Errorf("observe member %s: %w", target, err)
	}
	now := m.cfg.Now()
	if was, ok := m.since[target]; !ok || was.state != seen.intent {
		m.since[target] = change{seen.intent, now}
	}
	m.measure(target, seen, now)
	still := now.Sub(m.since[target].at)
	if d := m.drains[target]; d != nil && d.entering {
		still, seen.entering = math.MaxInt64, true
	}
	if seen.stragglers(still) {
		return m.drained(ctx, target, seen, still)
	}
	state, detail := seen.judge(still, m.notes)
	warning := ""
	for _, name := range seen.without {
		if note := m.notes[name]; note != "" && state == cutover.Serving {
			warning = name + ", which was left out, " + note
		}
	}
	return cutover.Observation{State: state, Detail: detail, Warning: warning}, nil
}

// measure notes which balancers have followed the registry.
func (m *Members) measure(target string, seen sighting, now time.Time) {
	m.timing.saw(target, seen.intent, seen.intentAt)
	names, all := seen.followers()
	for _, name := range names {
		m.timing.follows(target, seen.intent, name, now)
	}
	if all {
		m.timing.agreed(target, seen.intent, now)
	}
}

// look reads the registry and then every balancer of the agreement.
func (m *Members) look(ctx context.Context, target string) (sighting, error) {
	members, err := m.find(ctx, target)
	if err != nil {
		return sighting{}, err
	}
	seen := sighting{members: members, intentAt: m.cfg.Now()}
	seen.intent, seen.registry = registryState(members)
	for _, b := range m.cfg.Balancers {
		name := b.Name()
		if m.leftOut(name) {
			seen.without = append(seen.without, name)
			continue
		}
		var at []netip.AddrPort
		for _, one := range members {
			if one.service.via(name) {
				at = append(at, one.endpoints()...)
			}
		}
		if len(at) == 0 {
			continue // nowhere to be found: it does not run and is not registered
		}
		view, err := b.Look(ctx, at)
		if err != nil {
			return sighting{}, fmt.Errorf("not observed: %w", err)
		}
		seen.views = append(seen.views, named{name, view})
	}
	return seen, nil
}
