package node

import (
	"context"
	"sync"
)

// background is what a node does besides answering requests. None of it outlives
// the node.
type background struct {
	mu   sync.Mutex
	over chan struct{} // closed when the node has ended
	jobs sync.WaitGroup
}

func newBackground() *background { return &background{over: make(chan struct{})} }

// do starts work, whose context ends with the node. After its end it does nothing.
func (b *background) do(work func(context.Context)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.over:
		return
	default:
	}
	b.jobs.Go(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() {
			select {
			case <-b.over:
				cancel()
			case <-ctx.Done():
			}
		}()
		work(ctx)
	})
}

// end cuts off what is going on and returns when it has stopped. Call it once.
func (b *background) end() {
	b.mu.Lock()
	close(b.over)
	b.mu.Unlock()
	b.jobs.Wait()
}
