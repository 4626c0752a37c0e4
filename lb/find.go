package lb

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cutover/cutover/cutover"
)

// member is one service of one target, as the registry has it now.
type member struct {
	service Service
	known   []Registration // what is to be registered; never empty
	want    netip.AddrPort // where the container can be reached now; invalid when it does not run
	regs    []Registration // what is registered
}

// endpoints are the places where a balancer may know this member: where it is now, or, when it does not run, where it
// is registered. A registration that leads elsewhere is not among them while it runs: another container may be there.
func (m member) endpoints() []netip.AddrPort {
	if m.want.IsValid() {
		return []netip.AddrPort{m.want}
	}
	var at []netip.AddrPort
	for _, r := range m.regs {
		if e := r.Endpoint(); e.IsValid() && !slices.Contains(at, e) {
			at = append(at, e)
		}
	}
	return at
}

// find locates a target and looks up all its registrations, by id and by the address observed now.
func (m *Members) find(ctx context.Context, target string) ([]member, error) {
	place, err := m.cfg.Locate(ctx, target)
	if err != nil {
		return nil, fmt.Errorf("locate %s: %w", target, err)
	}
	intent := m.cfg.Agent(target)
	if intent == nil {
		return nil, cutover.Permanent(fmt.Errorf("no Consul agent owns host %q: set hosts[].consul", place.Host))
	}
	members := make([]member, 0, len(m.cfg.Services))
	for _, service := range m.cfg.Services {
		one := member{service: service, known: m.known(service, target)}
		address, port := "", 0
		if place.Running {
			port = place.Port(service.Port)
			one.want = endpoint(place.Address, port)
			if !one.want.IsValid() {
				return nil, badPlace(target, service, place)
			}
			address = one.want.Addr().String()
		}
		var ids []string
		for _, r := range one.known {
			ids = append(ids, r.ID)
		}
		one.regs, err = intent.Find(ctx, service.Name, ids, address, port)
		if err != nil {
			return nil, fmt.Errorf("find %s in Consul: %w", service.Name, err)
		}
		if m.cfg.Foreign != nil {
			one.regs = slices.DeleteFunc(one.regs, func(r Registration) bool { return m.cfg.Foreign(target, r.ID) })
		}
		members = append(members, one)
	}
	return members, nil
}

// known is what is to be registered for one service of a target.
func (m *Members) known(service Service, target string) []Registration {
	var found []Registration
	if m.cfg.Known != nil {
		for _, r := range m.cfg.Known(target) {
			if r.Service == service.Name {
				found = append(found, r)
			}
		}
	}
	if len(found) == 0 {
		found = []Registration{{ID: service.Name + "-" + target, Service: service.Name}}
	}
	return found
}

func badPlace(target string, service Service, place cutover.Place) error {
	if place.Published != nil && place.Port(service.Port) == 0 {
		return fmt.Errorf("port %d of %s (service %s) is not published: publish it, or use containers.network",
			service.Port, target, service.Name)
	}
	return fmt.Errorf("address %q of %s is not an IP address, and load balancers report servers by IP: "+
		"check containers.network, or give the host's address as an IP", place.Address, target)
}
