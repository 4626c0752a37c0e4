package lb

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// Lister is a Balancer that can tell all servers that its running workers have. It changes nothing.
type Lister interface {
	Servers(ctx context.Context) ([]Server, error)
}

// Catalog is an Intent that can tell all instances of a service that pass, whoever registered them and wherever they
// run. Having no permission to look is an error, not an empty answer.
type Catalog interface {
	Passing(ctx context.Context, serviceName string) ([]netip.AddrPort, error)
}

// Rendered tells where a balancer's running state is not what the registry passes: an instance that it does not send
// requests to, or one that it sends requests to although it does not pass. What has just changed is given some seconds.
// Balancers that can't tell are passed over. It changes nothing.
func (m *Members) Rendered(ctx context.Context) ([]string, error) {
	catalog, ok := m.cfg.Agent("").(Catalog)
	if !ok {
		return nil, nil
	}
	var all []string
	var failed []error
	for _, b := range m.asked() {
		lister, ok := b.(Lister)
		if !ok {
			continue
		}
		var found []string
		err := patiently(ctx, func() (err error) {
			if found, err = m.rendered(ctx, catalog, b.Name(), lister); err == nil && len(found) > 0 {
				err = errBehind
			}
			return err
		})
		if err != nil && !errors.Is(err, errBehind) {
			failed = append(failed, err)
		}
		all = append(all, found...)
	}
	return all, errors.Join(failed...)
}

// errBehind says that a balancer does not run what the registry passes, yet.
var errBehind = errors.New("it does not run what the registry passes")

func (m *Members) rendered(ctx context.Context, catalog Catalog, balancerName string, lister Lister) ([]string, error) {
	servers, err := lister.Servers(ctx)
	if err != nil {
		return nil, err
	}
	var found []string
	var passing []netip.AddrPort
	for _, service := range m.cfg.Services {
		if !service.via(balancerName) {
			continue
		}
		instances, err := catalog.Passing(ctx, service.Name)
		if err != nil {
			return nil, err
		}
		for _, e := range instances {
			if how := runs(servers, e); how != Up {
				found = append(found, fmt.Sprintf("%s: Consul passes %s of %s, and it is %s there: see whether consul-template runs beside it, and what its last reload said",
					balancerName, e, service.Name, how))
			}
		}
		passing = append(passing, instances...)
	}
	ours := map[string]bool{} // backends that have an instance which passes
	for _, s := range servers {
		ours[s.backend()] = ours[s.backend()] || slices.Contains(passing, s.Endpoint)
	}
	for _, s := range servers {
		if ours[s.backend()] && s.Status == Up && !slices.Contains(passing, s.Endpoint) {
			found = append(found, fmt.Sprintf("%s: it sends requests to %s at %s, which Consul does not pass: see whether consul-template runs beside it, and what its last reload said",
				balancerName, s.Name, s.Endpoint))
		}
	}
	return found, nil
}

// runs is what a balancer does with an endpoint: Up only when all its servers there are.
func runs(servers []Server, e netip.AddrPort) Status {
	how := Status("not")
	for _, s := range servers {
		switch {
		case s.Endpoint != e:
		case s.Status != Up:
			return s.Status
		default:
			how = Up
		}
	}
	return how
}
