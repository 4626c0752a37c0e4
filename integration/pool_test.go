//go:build integration

package integration

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// pooled is many clients, each with a connection that it keeps and uses every two seconds, as the pools of busy programs do.
type pooled struct {
	s    *stack
	stop context.CancelFunc
	done sync.WaitGroup

	mu       sync.Mutex
	answered int
	failed   []string
}

// poolOf opens that many connections, spread over the load balancers.
func (s *stack) poolOf(clients int) *pooled {
	s.Helper()
	const pause = 2 * time.Second
	ctx, stop := context.WithCancel(s.Context())
	p := &pooled{s: s, stop: stop}
	for i := range clients {
		client, front := s.keepAlive(s.fronts[i%len(s.fronts)]), s.fronts[i%len(s.fronts)]
		begin := time.After(pause * time.Duration(i) / time.Duration(clients)) // spread over the pause
		p.done.Go(func() {
			defer func() { client.Close() }()
			for next := begin; ; next = time.After(pause) {
				select {
				case <-ctx.Done():
					return
				case <-next:
				}
				again, err := client.again(front)
				p.note(i, err)
				if err != nil {
					return
				}
				client = again
			}
		})
	}
	return p
}

func (p *pooled) note(client int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.failed = append(p.failed, fmt.Sprintf("client %d at %s: %v", client, time.Now().Format("15:04:05.000"), err))
		return
	}
	p.answered++
}

// end asserts that every request was answered.
func (p *pooled) end() {
	p.s.Helper()
	p.stop()
	p.done.Wait()
	if len(p.failed) > 0 {
		p.s.Errorf("%d of %d requests of the pool were lost, such as %s", len(p.failed), p.answered+len(p.failed), p.failed[0])
	}
	p.s.Logf("pool: %d requests, %d lost", p.answered+len(p.failed), len(p.failed))
}
