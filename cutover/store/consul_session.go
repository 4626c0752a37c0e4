package store

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/cutover"
)

const (
	renewEvery = sessionTTL / 3
	renewLimit = 4 * time.Second // for one renewal
	renewAgain = 500 * time.Millisecond
	watchWait  = time.Minute      // how long one blocking query stays open
	watchSlack = 10 * time.Second // Consul adds up to a sixteenth of the wait; a connection that is dead is given up after it
	closeLimit = 5 * time.Second
)

// consulSession is a held lock. One goroutine renews it, another watches the lock and what is asked of its holder.
type consulSession struct {
	consul *Consul
	keys   keys
	lock   *api.KVPair // with the session that holds it

	lost     chan struct{}
	loseOnce sync.Once
	release  func() error // frees the lock
	end      context.CancelFunc
	ended    sync.WaitGroup

	mu        sync.Mutex
	confirmed time.Duration // when the last renewal that was confirmed was sent, on the clock of sinceBoot
	request   *cutover.Request

	stored *stored // as loaded or saved last; nil: not known
}

// newConsulSession begins to renew and to watch; ctx gives values only: the session ends with Close.
func newConsulSession(ctx context.Context, c *Consul, k keys, lock *api.KVPair, began time.Duration) *consulSession {
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	s := &consulSession{consul: c, keys: k, lock: lock, lost: make(chan struct{}), end: end, confirmed: began}
	s.release = func() error {
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), closeLimit, errUnreleased)
		defer cancel()
		return c.release(ctx, lock)
	}
	s.ended.Go(func() { s.renew(ctx) })
	s.ended.Go(func() { s.watch(ctx) })
	return s
}

// renew keeps the session alive until the context ends or Consul says that it is gone.
func (s *consulSession) renew(ctx context.Context) {
	pause := renewEvery
	for wait(ctx, pause) {
		began := sinceBoot()
		call, cancel := context.WithTimeout(ctx, renewLimit)
		entry, _, err := s.consul.client.Session().Renew(s.lock.Session, s.consul.write(call))
		cancel()
		switch {
		case err != nil:
			pause = renewAgain
			continue
		case entry == nil:
			s.lose()
			return
		}
		s.mu.Lock()
		s.confirmed = began
		s.mu.Unlock()
		pause = renewEvery
	}
}

// watch sees at once when the lock is taken away, and what is asked.
func (s *consulSession) watch(ctx context.Context) {
	var index uint64
	for ctx.Err() == nil {
		call, cancel := context.WithTimeout(ctx, watchWait+watchSlack)
		q := (&api.QueryOptions{RequireConsistent: true, WaitIndex: index, WaitTime: watchWait}).WithContext(call)
		pairs, meta, err := s.consul.client.KV().List(s.keys.control(), q)
		cancel()
		if err != nil {
			index = 0
			wait(ctx, renewAgain)
			continue
		}
		if meta.LastIndex < index {
			index = 0
			continue
		}
		index = max(meta.LastIndex, 1)
		if !s.see(pairs) {
			s.lose()
			return
		}
	}
}

// see reports whether the lock is still ours.
func (s *consulSession) see(pairs api.KVPairs) (ours bool) {
	for _, pair := range pairs {
		switch pair.Key {
		case s.keys.lock():
			ours = pair.Session == s.lock.Session
		case s.keys.ask():
			var a asked
			if json.Unmarshal(pair.Value, &a) == nil && a.Session == s.lock.Session {
				s.mu.Lock()
				s.request = &a.Request
				s.mu.Unlock()
			}
		}
	}
	return ours
}

func (s *consulSession) lose() { s.loseOnce.Do(func() { close(s.lost) }) }

// Lost is closed when Consul has said that the session has ended, or that the lock is another's.
func (s *consulSession) Lost() <-chan struct{} { return s.lost }

// Left is what remains of the TTL since the last confirmed renewal was sent, by a clock that goes on while the machine
// sleeps; 0 when the lock is lost.
func (s *consulSession) Left() time.Duration {
	select {
	case <-s.lost:
		return 0
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(0, sessionTTL-(sinceBoot()-s.confirmed))
}

// Asked is what was asked of this session.
func (s *consulSession) Asked() (cutover.Request, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.request == nil {
		return cutover.Request{}, false
	}
	return *s.request, true
}

// Close releases the lock, without a lock delay. It blocks for seven seconds at most; a lock that could not be released is
// free after its TTL and the lock delay.
func (s *consulSession) Close() error {
	s.end()
	s.ended.Wait()
	return s.release()
}

// wait reports false when the context has ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
