package consul

import (
	"context"
	"maps"
	"slices"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/lb"
)

// All returns every registration of a service that this agent owns, in the order of their ids. Having no permission to
// look is an error, not an empty answer.
func (a *Agent) All(ctx context.Context, serviceName string) ([]lb.Registration, error) {
	name, err := literal(serviceName)
	if err != nil {
		return nil, err
	}
	services, err := a.client.Agent().ServicesWithFilterOpts("Service == "+name, (&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return nil, a.explain("read services", err)
	}
	var found []lb.Registration
	for _, id := range slices.Sorted(maps.Keys(services)) {
		r, err := a.registration(ctx, services[id])
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	if len(found) == 0 {
		return nil, a.mayRead(ctx, serviceName)
	}
	return found, a.health(ctx, found)
}
