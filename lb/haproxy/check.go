package haproxy

import "context"

// Check implements lb.Balancer: the sockets answer, every worker can be looked into, servers are shown with their
// addresses, and the configured backend exists. What HAProxy does not tell on a socket, such as
// `option idle-close-on-response`, can't be checked here.
func (b *Balancer) Check(ctx context.Context) error {
	workers, err := b.workers(ctx)
	if err != nil {
		return b.wrap("look into", err)
	}
	for _, w := range workers {
		if _, err := b.see(w, nil); err != nil {
			return b.wrap("look into", err)
		}
	}
	if b.stats != (socket{}) {
		if err := b.answers(ctx); err != nil {
			return b.wrap("look into", err)
		}
	}
	return nil
}
