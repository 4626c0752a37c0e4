package node

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cutover/cutover/integration/standin/datastore/store"
)

// counters is what the node holds in memory. Nothing but a flush brings it to
// the data store, so a process that ends without one loses it.
type counters struct {
	mu       sync.Mutex
	held     store.Counters
	served   int64 // since the process started, flushed or not
	inFlight int64
	last     time.Time // when the latest request of any API came in
}

func newCounters() *counters { return &counters{} }

func (c *counters) begin(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight++
	c.last = now
}

func (c *counters) end(api string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held.Add(store.Counters{Transactions: 1, Licence: 1, Quota: map[string]int64{api: 1}})
	c.served++
	c.inFlight--
}

// take removes what the flush option names from memory and returns it.
func (c *counters) take(flush []string) store.Counters {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out store.Counters
	if slices.Contains(flush, "performance_metrics") {
		out.Transactions, c.held.Transactions = c.held.Transactions, 0
	}
	if slices.Contains(flush, "license_metrics") {
		out.Licence, c.held.Licence = c.held.Licence, 0
	}
	if slices.Contains(flush, "subscription_quota") {
		out.Quota, c.held.Quota = c.held.Quota, nil
	}
	return out
}

// putBack returns what a failed flush took.
func (c *counters) putBack(taken store.Counters) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held.Add(taken)
}

// Held is the answer to GET /standin/counters on the diagnostic port.
type Held struct {
	store.Counters            // in memory, not flushed
	Served         int64      `json:"served"`
	InFlight       int64      `json:"in_flight"`
	LastRequest    *time.Time `json:"last_request"`
	Node           string     `json:"node"`
	Version        string     `json:"version"`
	Scheduler      string     `json:"scheduler"`
	Mode           string     `json:"mode"`
}

func (c *counters) snapshot() Held {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := Held{Counters: c.held, Served: c.served, InFlight: c.inFlight}
	out.Quota = maps.Clone(c.held.Quota)
	if out.Quota == nil {
		out.Quota = map[string]int64{}
	}
	if !c.last.IsZero() {
		last := c.last
		out.LastRequest = &last
	}
	return out
}

// Held tells what the node holds in memory now.
func (n *Node) Held() Held {
	out := n.counters.snapshot()
	out.Node, out.Version, out.Scheduler, out.Mode = n.cfg.Name, n.cfg.Version, n.cfg.Scheduler, n.mode()
	return out
}

func (n *Node) getCounters(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, n.Held()) }

// getMetrics answers in the Prometheus text format. The names are this
// stand-in's own.
func (n *Node) getMetrics(w http.ResponseWriter, _ *http.Request) {
	held := n.counters.snapshot()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	gauge := func(name, help string, value int64) {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s gauge\n%s %d\n", name, help, name, name, value)
	}
	gauge("apigateway_transactions_unflushed", "Transactions counted in memory.", held.Transactions)
	gauge("apigateway_licence_unflushed", "Licence usage counted in memory.", held.Licence)
	gauge("apigateway_requests_in_flight", "Requests in progress.", held.InFlight)
	fmt.Fprint(w, "# HELP apigateway_quota_unflushed Quota used per API, counted in memory.\n# TYPE apigateway_quota_unflushed gauge\n")
	for _, api := range slices.Sorted(maps.Keys(held.Quota)) {
		fmt.Fprintf(w, "apigateway_quota_unflushed{api=%q} %d\n", api, held.Quota[api])
	}
}
