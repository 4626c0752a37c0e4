package lb

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/cutover/cutover/cutover"
)

// Survey tells, for planning, the state of a target as registry and balancers have it, and its registrations, whoever
// made them: they are adopted with their tags, meta and weights. Blind balancers are taken to agree. It changes
// nothing, and remembers nothing.
func (m *Members) Survey(ctx context.Context, target string) (cutover.State, []Registration, string, error) {
	var seen sighting
	err := patiently(ctx, func() (err error) {
		seen, err = m.look(ctx, target)
		return err
	})
	if err != nil {
		return "", nil, "", fmt.Errorf("survey member %s: %w", target, err)
	}
	var adopted []Registration
	for _, one := range seen.members {
		adopted = append(adopted, one.regs...)
	}
	state, detail := seen.judge(math.MaxInt64, nil)
	return state, adopted, detail, nil
}

// Checker is an Intent that can tell what keeps its word from reaching the balancers. It changes nothing.
type Checker interface {
	Check(ctx context.Context) error
}

// Check tells everything that would keep these targets from being moved: a registry that reaches nobody, balancers that
// can't be looked into, and balancers that have no server where the registry says one passes. Each error names its remedy.
// It changes nothing.
func (m *Members) Check(ctx context.Context, targets ...string) []error {
	var found []error
	if registry, ok := m.cfg.Agent("").(Checker); ok {
		if err := patiently(ctx, func() error { return registry.Check(ctx) }); err != nil {
			found = append(found, err)
		}
	}
	var readable []Balancer
	for _, b := range m.asked() {
		if err := patiently(ctx, func() error { return b.Check(ctx) }); err != nil {
			found = append(found, err)
			continue
		}
		readable = append(readable, b)
	}
	for _, target := range targets {
		var members []member
		err := patiently(ctx, func() (err error) {
			members, err = m.find(ctx, target)
			return err
		})
		if err != nil {
			found = append(found, fmt.Errorf("check member %s: %w", target, err))
			continue
		}
		for _, b := range readable {
			found = append(found, unrouted(ctx, b, target, members)...)
		}
	}
	return found
}

// unrouted tells which passing services of a target a balancer has no server for.
func unrouted(ctx context.Context, b Balancer, target string, members []member) []error {
	var found []error
	for _, one := range members {
		if state, _ := registryState([]member{one}); state != cutover.Serving || !one.service.via(b.Name()) {
			continue
		}
		var view View
		err := patiently(ctx, func() (err error) {
			view, err = b.Look(ctx, one.endpoints())
			return err
		})
		if err != nil {
			found = append(found, fmt.Errorf("check member %s: %w", target, err))
			continue
		}
		if _, detail := view.Runs(one.want); !view.Blind && strings.HasPrefix(detail, "not there") {
			found = append(found, fmt.Errorf("load balancer %s: no server leads to %s at %s, though Consul says that %s passes: "+
				"its configuration must follow Consul; check load_balancers[].backend, or members[].via if it does not route this service",
				b.Name(), target, one.want, one.service.Name))
		}
	}
	return found
}
