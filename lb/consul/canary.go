package consul

import (
	"context"
	"net/netip"
	"slices"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/lb"
)

var _ lb.Canary = (*Agent)(nil)

// Announce implements lb.Canary. The check is critical and nobody ever passes it, so the agent removes the instance after the
// shortest time that it allows, a minute, if nobody else has.
func (a *Agent) Announce(ctx context.Context, id string, at netip.AddrPort) error {
	registration := &api.AgentServiceRegistration{
		ID: id, Name: lb.CanaryService, Address: at.Addr().String(), Port: int(at.Port()),
		Check: &api.AgentServiceCheck{
			CheckID: "service:" + id, Name: "it never passes", Notes: "cutover check --measure", Status: api.HealthCritical, TTL: "24h",
			DeregisterCriticalServiceAfter: "1m",
		},
	}
	opts := api.ServiceRegisterOpts{ReplaceExistingChecks: true}.WithContext(ctx)
	return a.explain("register "+id, a.client.Agent().ServiceRegisterOpts(registration, opts))
}

// Heard implements lb.Canary by blocking queries, as consul-template makes them.
func (a *Agent) Heard(ctx context.Context, id string, present bool) error {
	var index uint64
	for {
		q := (&api.QueryOptions{WaitIndex: index, WaitTime: watchWait}).WithContext(ctx)
		entries, meta, err := a.client.Health().Service(lb.CanaryService, "", false, q)
		if err != nil {
			return a.explain("follow "+lb.CanaryService, err)
		}
		if slices.ContainsFunc(entries, func(e *api.ServiceEntry) bool { return e.Service.ID == id }) == present {
			return nil
		}
		index = max(meta.LastIndex, 1)
		if meta.LastIndex < q.WaitIndex {
			index = 0
		}
	}
}
