package consul

import (
	"context"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	watchWait  = 2 * time.Minute // how long one blocking query stays open
	watchPause = time.Second     // after one that failed
)

// Watch calls changed whenever instances of a service or their checks have changed, until the context ends. It waits in
// Consul, by blocking queries, and blocks. It is a hint to look at once, and no more: while Consul does not answer there
// is none.
func (a *Agent) Watch(ctx context.Context, serviceName string, changed func()) {
	var index uint64
	for ctx.Err() == nil {
		q := (&api.QueryOptions{WaitIndex: index, WaitTime: watchWait}).WithContext(ctx)
		_, meta, err := a.client.Health().Service(serviceName, "", false, q)
		if err != nil {
			index = 0
			select {
			case <-ctx.Done():
			case <-time.After(watchPause):
			}
			continue
		}
		if index != 0 && meta.LastIndex != index {
			changed()
		}
		index = max(meta.LastIndex, 1) // it starts anew when Consul's state was restored
		if meta.LastIndex < q.WaitIndex {
			index = 0
		}
	}
}
