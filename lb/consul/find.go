package consul

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/lb"
)

const nodeMaintenance = "_node_maintenance"

// Find implements lb.Intent with two requests: the services, filtered by the agent, and then their checks and the
// node's, which count for every service on it. When nothing is found the token's permission to read the service is
// asked for once, because the agent leaves out silently what a token may not see.
func (a *Agent) Find(ctx context.Context, serviceName string, ids []string, address string, port int) ([]lb.Registration, error) {
	filter, err := serviceFilter(serviceName, ids, address, port)
	if err != nil {
		return nil, err
	}
	q := (&api.QueryOptions{}).WithContext(ctx)
	services, err := a.client.Agent().ServicesWithFilterOpts(filter, q)
	if err != nil {
		return nil, a.explain("read services", err)
	}
	var found []lb.Registration
	for _, id := range slices.Sorted(maps.Keys(services)) {
		if services[id].Service != serviceName {
			continue
		}
		r, err := a.registration(ctx, services[id])
		if err != nil {
			return nil, err
		}
		if slices.Contains(ids, r.ID) || (r.Address == address && r.Port == port) {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		return nil, a.mayRead(ctx, serviceName)
	}
	return found, a.health(ctx, found)
}

// registration translates; a service with no address of its own is at its agent's.
func (a *Agent) registration(ctx context.Context, s *api.AgentService) (lb.Registration, error) {
	address := s.Address
	if address == "" {
		var err error
		if address, err = a.ownAddress(ctx); err != nil {
			return lb.Registration{}, err
		}
	}
	return lb.Registration{
		ID: s.ID, Service: s.Service, Address: address, Port: s.Port, Tags: s.Tags, Meta: s.Meta,
		Weights: lb.Weights{Passing: s.Weights.Passing, Warning: s.Weights.Warning},
	}, nil
}

// health fills in what the checks say. A service without checks passes, as it does for Consul.
func (a *Agent) health(ctx context.Context, found []lb.Registration) error {
	clauses := []string{`ServiceID == ""`}
	for _, r := range found {
		id, err := literal(r.ID)
		if err != nil {
			return err
		}
		clauses = append(clauses, "ServiceID == "+id)
	}
	q := (&api.QueryOptions{}).WithContext(ctx)
	checks, err := a.client.Agent().ChecksWithFilterOpts(strings.Join(clauses, " or "), q)
	if err != nil {
		return a.explain("read checks", err)
	}
	for i := range found {
		r := &found[i]
		r.Passing = true
		for _, id := range slices.Sorted(maps.Keys(checks)) {
			c := checks[id]
			switch {
			case c.ServiceID != "" && c.ServiceID != r.ID:
			case c.CheckID == maintenancePrefix+r.ID:
				r.Maintenance, r.Reason = true, c.Notes
			case c.CheckID == nodeMaintenance:
				r.Maintenance, r.CheckOutput = true, "the whole node is in maintenance: "+c.Notes
			case c.Status != api.HealthPassing:
				r.Passing = false
				if r.CheckOutput == "" {
					r.CheckOutput = c.Output
				}
			}
		}
	}
	return nil
}

func serviceFilter(serviceName string, ids []string, address string, port int) (string, error) {
	name, err := literal(serviceName)
	if err != nil {
		return "", err
	}
	var clauses []string
	for _, id := range ids {
		quoted, err := literal(id)
		if err != nil {
			return "", err
		}
		clauses = append(clauses, "ID == "+quoted)
	}
	if address != "" {
		quoted, err := literal(address)
		if err != nil {
			return "", err
		}
		clauses = append(clauses, fmt.Sprintf(`((Address == %s or Address == "") and Port == %d)`, quoted, port))
	}
	if len(clauses) == 0 {
		return "", fmt.Errorf("find %s: neither an id nor an address to look for", serviceName)
	}
	return fmt.Sprintf("Service == %s and (%s)", name, strings.Join(clauses, " or ")), nil
}

// literal quotes a string for Consul's filter language, which knows no escapes in either kind of quotes.
func literal(s string) (string, error) {
	switch {
	case !strings.ContainsAny(s, "\"\\"):
		return `"` + s + `"`, nil
	case !strings.Contains(s, "`"):
		return "`" + s + "`", nil
	}
	return "", fmt.Errorf("name %q holds both kinds of quotes, which Consul's filters can't express", s)
}
