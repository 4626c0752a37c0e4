package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cutover/cutover/integration/standin/datastore/store"
)

const heartbeatInterval = time.Second

// cluster is the node's side of the data store: its membership and its flushes.
type cluster struct {
	url    string // empty: not clustered
	me     store.Member
	boot   string // makes flush IDs of this process unlike those of an earlier one
	client *http.Client

	mu      sync.Mutex
	members store.Members
	joined  bool
	flushes int
}

func newCluster(cfg Config) *cluster {
	return &cluster{
		url:    cfg.DataStore,
		me:     store.Member{Node: cfg.Name, Version: cfg.Version, Scheduler: cfg.Scheduler},
		boot:   strconv.FormatInt(time.Now().UnixNano(), 36),
		client: &http.Client{Timeout: 2 * time.Second},
	}
}

// beat sends heartbeats until the context ends.
func (c *cluster) beat(ctx context.Context) {
	if c.url == "" {
		return
	}
	tick := time.NewTicker(heartbeatInterval)
	defer tick.Stop()
	for {
		var members store.Members
		err := c.post(ctx, "/members", c.me, &members)
		c.mu.Lock()
		if c.joined = err == nil; c.joined {
			c.members = members
		}
		c.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// leave takes the node off the list of members. A node that crashed does not, and
// is counted as unhealthy for a while.
func (c *cluster) leave() {
	if c.url == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodDelete, c.url+"/members/"+c.me.Node, nil)
	if err != nil {
		return
	}
	if resp, err := c.client.Do(r); err == nil { // a data store that is gone forgets us anyway
		_ = resp.Body.Close()
	}
}

func (c *cluster) state() (members store.Members, joined bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.members, c.joined
}

// flush delivers the counters. It tries again with the same ID, so that an
// answer that was lost on the way does not count them twice.
func (c *cluster) flush(ctx context.Context, taken store.Counters) error {
	if c.url == "" {
		return fmt.Errorf("flush: no data store is configured")
	}
	c.mu.Lock()
	c.flushes++
	f := store.Flush{ID: fmt.Sprintf("%s-%s-%d", c.me.Node, c.boot, c.flushes), Node: c.me.Node, Counters: taken}
	c.mu.Unlock()
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, fmt.Errorf("no answer from the data store"))
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.post(ctx, "/flush", f, nil)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("flush: %w: %w", context.Cause(ctx), err)
		}
	}
}

func (c *cluster) post(ctx context.Context, path string, body, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s", path, resp.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
