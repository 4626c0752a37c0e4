// Package store is what the nodes of a cluster share: the data store, which adds
// up what they flush and knows which of them are members, and the messaging
// provider and the scheduler's database of an Integration Server.
package store

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Counters are what API Gateway holds in memory until it is flushed: performance
// metrics, licence usage and subscription quotas per API.
type Counters struct {
	Transactions int64            `json:"transactions"`
	Licence      int64            `json:"licence"`
	Quota        map[string]int64 `json:"quota"`
}

// Add adds the other counters to c.
func (c *Counters) Add(other Counters) {
	c.Transactions += other.Transactions
	c.Licence += other.Licence
	for api, n := range other.Quota {
		if c.Quota == nil {
			c.Quota = map[string]int64{}
		}
		c.Quota[api] += n
	}
}

// Flush is one node's delivery. A delivery with an ID that was seen before is
// acknowledged and not counted again, so a node may retry.
type Flush struct {
	ID   string `json:"id"`
	Node string `json:"node"`
	Counters
}

// Totals is the answer to GET /totals.
type Totals struct {
	Counters
	Flushes int                 `json:"flushes"`
	Nodes   map[string]Counters `json:"nodes"`
}

// Store is the whole state, in memory. It is an http.Handler and safe for
// concurrent use.
type Store struct {
	mux     *http.ServeMux
	now     func() time.Time
	mu      sync.Mutex
	seen    map[string]bool
	totals  Totals
	members map[string]Member
	pending map[string][]Command // by node, not delivered yet
	queues  map[string]*queue
	clients map[string]holder // by client id
	tasks   map[string]*task

	documents Documents
}

// New returns an empty store. A nil clock means time.Now.
func New(clock func() time.Time) *Store {
	if clock == nil {
		clock = time.Now
	}
	s := &Store{
		mux: http.NewServeMux(), now: clock,
		seen: map[string]bool{}, members: map[string]Member{}, pending: map[string][]Command{},
		queues: map[string]*queue{}, clients: map[string]holder{}, tasks: map[string]*task{},
		totals: Totals{Counters: Counters{Quota: map[string]int64{}}, Nodes: map[string]Counters{}},
	}
	s.mux.HandleFunc("POST /flush", s.flush)
	s.mux.HandleFunc("GET /totals", s.getTotals)
	s.mux.HandleFunc("POST /members", s.heartbeat)
	s.mux.HandleFunc("DELETE /members/{node}", s.leave)
	s.mux.HandleFunc("GET /members", s.getMembers)
	s.mux.HandleFunc("POST /commands", s.command)
	s.mux.HandleFunc("POST /queues/{queue}", s.enqueue)
	s.mux.HandleFunc("POST /queues/{queue}/take", s.take)
	s.mux.HandleFunc("POST /queues/{queue}/ack", s.ack)
	s.mux.HandleFunc("POST /queues/{queue}/release", s.release)
	s.mux.HandleFunc("GET /queues/{queue}", s.getQueue)
	s.mux.HandleFunc("POST /clients/{client}", s.connect)
	s.mux.HandleFunc("DELETE /clients/{client}/{node}", s.disconnect)
	s.mux.HandleFunc("POST /tasks/{service}/runs", s.runTask)
	s.mux.HandleFunc("PUT /tasks/{service}", s.putTask)
	s.mux.HandleFunc("GET /tasks/{service}", s.getTask)
	s.mux.HandleFunc("GET /tasks", s.getTasks)
	s.mux.HandleFunc("GET /documents/{kind}", s.getDocuments)
	s.mux.HandleFunc("POST /documents/{kind}/{id}", s.changeDocument(s.documents.Create, http.StatusConflict))
	s.mux.HandleFunc("PUT /documents/{kind}/{id}", s.changeDocument(s.documents.Replace, http.StatusNotFound))
	s.mux.HandleFunc("DELETE /documents/{kind}/{id}", s.changeDocument(func(kind string, doc Document) bool {
		return s.documents.Delete(kind, doc.ID)
	}, http.StatusNotFound))
	s.mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	return s
}

// ServeHTTP implements http.Handler.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Store) flush(w http.ResponseWriter, r *http.Request) {
	var f Flush
	if !decode(w, r, &f) {
		return
	}
	if f.ID == "" || f.Node == "" {
		http.Error(w, "a flush needs id and node", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	counted := !s.seen[f.ID]
	if counted {
		s.seen[f.ID] = true
		s.totals.Add(f.Counters)
		s.totals.Flushes++
		node := s.totals.Nodes[f.Node]
		node.Add(f.Counters)
		s.totals.Nodes[f.Node] = node
	}
	reply(w, map[string]bool{"counted": counted})
}

func (s *Store) getTotals(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply(w, s.totals)
}

func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(into); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody is left to be told
}
