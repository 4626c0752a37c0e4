package consul

import (
	"context"
	"fmt"

	"github.com/hashicorp/consul/api"
)

// Check implements lb.Checker: Consul has a leader. Without one an agent takes everything that it is told, and nobody who
// follows Consul hears of it. It needs no permission.
func (a *Agent) Check(ctx context.Context) error {
	q := (&api.QueryOptions{}).WithContext(ctx)
	leader, err := a.client.Status().LeaderWithQueryOptions(q)
	if err != nil {
		return a.explain("ask for the leader", err)
	}
	if leader == "" {
		return fmt.Errorf("no leader at Consul %s, so that load balancers do not hear of what it is told: see whether most of its servers run (consul operator raft list-peers)", a.address)
	}
	return nil
}
