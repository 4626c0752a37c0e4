package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/cutover/cutover/integration/standin/datastore/store"
)

const heartbeatInterval = time.Second

// cluster is the node's side of the data store: its membership and its flushes.
type cluster struct {
	url    string       // empty: not clustered
	me     store.Member // Boot makes this process unlike an earlier one of the same node
	client *http.Client
	obey   func(store.Command) // what another member asks of all

	mu      sync.Mutex
	members store.Members
	joined  bool
	flushes int
}

func newCluster(cfg Config) *cluster {
	boot := strconv.FormatInt(time.Now().UnixNano(), 36)
	return &cluster{
		url:    cfg.DataStore,
		me:     store.Member{Node: cfg.Name, Cluster: cfg.ClusterName, Boot: boot, Version: cfg.Version, Scheduler: cfg.Scheduler},
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
		for _, command := range members.Commands {
			c.obey(command)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// command asks something of every other member. It gets there with their next
// heartbeat.
func (c *cluster) command(ctx context.Context, name string, args map[string]string) error {
	return c.post(ctx, "/commands", store.Command{From: c.me.Node, Name: name, Args: args}, nil)
}

// leave takes the node off the list of members. A node that crashed does not, and
// is counted as unhealthy for a while.
func (c *cluster) leave() {
	if c.url == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = c.ask(ctx, http.MethodDelete, "/members/"+url.PathEscape(c.me.Node), nil, nil) // a data store that is gone forgets us anyway
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
	f := store.Flush{ID: fmt.Sprintf("%s-%s-%d", c.me.Node, c.me.Boot, c.flushes), Node: c.me.Node, Counters: taken}
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

// post is an ask that counts everything but 200 as an error.
func (c *cluster) post(ctx context.Context, path string, body, into any) error {
	status, err := c.ask(ctx, http.MethodPost, path, body, into)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("POST %s: %d", path, status)
	}
	return err
}

// ask sends body, if any, and decodes the answer into into, if any, when it is 200.
func (c *cluster) ask(ctx context.Context, method, path string, body, into any) (status int, err error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(raw))
	if err != nil {
		return 0, err
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if into != nil && resp.StatusCode == http.StatusOK {
		return resp.StatusCode, json.NewDecoder(resp.Body).Decode(into)
	}
	return resp.StatusCode, nil
}
