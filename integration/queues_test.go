//go:build integration

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	datastore "github.com/cutover/cutover/integration/standin/datastore/store"
)

// producer puts messages into queues, steadily, as somebody does who knows nothing of a cutover.
type producer struct {
	s      *stack
	queues []string
	sent   map[string]int
	stop   context.CancelFunc
	done   sync.WaitGroup
}

func (s *stack) produce(queues ...string) *producer {
	s.Helper()
	ctx, stop := context.WithCancel(s.Context())
	p := &producer{s: s, queues: queues, sent: map[string]int{}, stop: stop}
	p.done.Go(func() {
		for ctx.Err() == nil {
			for _, queue := range queues {
				p.send(queue)
			}
			<-time.After(25 * time.Millisecond)
		}
	})
	return p
}

func (p *producer) send(queue string) {
	p.sent[queue]++
	body := fmt.Appendf(nil, `{"id":"%s-%d"}`, queue, p.sent[queue])
	response, err := http.Post("http://"+p.s.ports["datastore:9240"]+"/queues/"+queue, "application/json", bytes.NewReader(body))
	if err != nil {
		p.s.Errorf("put a message into %s: %v", queue, err)
		return
	}
	response.Body.Close()
}

// end stops producing, waits until every message has been worked on, and asserts that each was once, in order.
func (p *producer) end() map[string][]datastore.Processed {
	p.s.Helper()
	p.stop()
	p.done.Wait()
	all := map[string][]datastore.Processed{}
	for _, queue := range p.queues {
		var q datastore.Queue
		p.s.await(30*time.Second, "every message of "+queue, func() bool {
			q = p.s.queue(queue)
			return len(q.Processed) >= p.sent[queue] && q.InFlight == 0
		})
		for i, m := range q.Processed {
			if want := fmt.Sprintf("%s-%d", queue, i+1); m.ID != want || m.Times != 1 {
				p.s.Errorf("message %d of %s: %s, worked on %d times; want %s, once", i+1, queue, m.ID, m.Times, want)
				break
			}
		}
		p.s.Logf("queue %s: %d messages, each once", queue, len(q.Processed))
		all[queue] = q.Processed
	}
	return all
}

func (s *stack) queue(name string) datastore.Queue {
	s.Helper()
	var q datastore.Queue
	response, err := http.Get("http://" + s.ports["datastore:9240"] + "/queues/" + name)
	s.must(err)
	defer response.Body.Close()
	s.must(json.NewDecoder(response.Body).Decode(&q))
	return q
}
