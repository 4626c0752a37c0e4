package consul

import (
	"context"
	"net/netip"
	"slices"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/lb"
)

var _ lb.Catalog = (*Agent)(nil)

// Passing implements lb.Catalog with one request, the one that consul-template makes. Instances without an IP address
// are left out: load balancers show nothing else.
func (a *Agent) Passing(ctx context.Context, serviceName string) ([]netip.AddrPort, error) {
	q := (&api.QueryOptions{}).WithContext(ctx)
	entries, _, err := a.client.Health().Service(serviceName, "", true, q)
	if err != nil {
		return nil, a.explain("read what passes of "+serviceName, err)
	}
	if len(entries) == 0 {
		return nil, a.mayRead(ctx, serviceName)
	}
	var found []netip.AddrPort
	for _, entry := range entries {
		r := lb.Registration{Address: entry.Service.Address, Port: entry.Service.Port}
		if r.Address == "" {
			r.Address = entry.Node.Address
		}
		if e := r.Endpoint(); e.IsValid() && !slices.Contains(found, e) {
			found = append(found, e)
		}
	}
	return found, nil
}
