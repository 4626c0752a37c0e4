package store

import (
	"net/http"
	"sort"
	"time"
)

const (
	// unhealthyAfter is how long a member may be silent before it counts as unhealthy.
	unhealthyAfter = 3 * time.Second
	// forgottenAfter is how long a silent member stays in the list.
	forgottenAfter = time.Minute
)

// Member is one node of the cluster. Scheduler is its logical scheduler name,
// which must differ between the nodes of an Integration Server cluster
// (watt.server.scheduler.logical.hostname). Boot tells a process from an earlier
// one of the same node.
type Member struct {
	Node      string    `json:"node"`
	Cluster   string    `json:"cluster"` // members see those of their own only
	Boot      string    `json:"boot"`
	Version   string    `json:"version"`
	Scheduler string    `json:"scheduler"`
	Healthy   bool      `json:"healthy"`
	LastSeen  time.Time `json:"last_seen"`
}

// Members is the answer to GET /members and to a heartbeat. Conflicts lists the
// scheduler names that more than one member uses. Commands are for the member
// whose heartbeat it was, and are delivered once.
type Members struct {
	Nodes        int      `json:"nodes"`
	HealthyNodes int      `json:"healthy_nodes"`
	Members      []Member `json:"members"`
	Conflicts    []string `json:"conflicts"`

	Commands []Command `json:"commands,omitempty"`
}

// Command is what one node asks of all other members.
type Command struct {
	From string            `json:"from"`
	Name string            `json:"name"`
	Args map[string]string `json:"args"`
}

// holder is a process that holds something until it leaves, is silent for
// unhealthyAfter, or comes back as another process.
type holder struct {
	node, boot string
	since      time.Time
}

func (s *Store) heartbeat(w http.ResponseWriter, r *http.Request) {
	var m Member
	if !decode(w, r, &m) {
		return
	}
	if m.Node == "" {
		http.Error(w, "a member needs a node name", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.LastSeen = s.now()
	s.members[m.Node] = m
	out := s.list(m.Cluster)
	out.Commands = s.pending[m.Node]
	delete(s.pending, m.Node)
	reply(w, out)
}

// leave also gives up all that the node holds.
func (s *Store) leave(_ http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	node := r.PathValue("node")
	delete(s.members, node)
	delete(s.pending, node)
	for client, h := range s.clients {
		if h.node == node {
			delete(s.clients, client)
		}
	}
	for _, q := range s.queues {
		if q.flight != nil && q.flight.node == node {
			q.giveBack()
		}
	}
}

// command keeps a command for every healthy member of its cluster but the one that asks.
func (s *Store) command(w http.ResponseWriter, r *http.Request) {
	var c Command
	if !decode(w, r, &c) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.list(s.members[c.From].Cluster).Members {
		if m.Healthy && m.Node != c.From {
			s.pending[m.Node] = append(s.pending[m.Node], c)
		}
	}
}

// holds must be called with the lock held. A holder that has never been a member
// holds for unhealthyAfter.
func (s *Store) holds(h holder) bool {
	heard := h.since
	if m, member := s.members[h.node]; member {
		if m.Boot != h.boot && m.Boot != "" && h.boot != "" {
			return false
		}
		heard = m.LastSeen
	}
	return s.now().Sub(heard) <= unhealthyAfter
}

func (s *Store) getMembers(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply(w, s.list(r.URL.Query().Get("cluster")))
}

// list is that of one cluster, or without a name of all. It must be called with the lock held.
func (s *Store) list(cluster string) Members {
	out := Members{Members: []Member{}, Conflicts: []string{}}
	schedulers := map[string]int{}
	for name, m := range s.members {
		silent := s.now().Sub(m.LastSeen)
		if silent > forgottenAfter {
			delete(s.members, name)
			continue
		}
		if cluster != "" && m.Cluster != "" && m.Cluster != cluster {
			continue
		}
		m.Healthy = silent <= unhealthyAfter
		out.Nodes++
		if m.Healthy {
			out.HealthyNodes++
			schedulers[m.Scheduler]++
		}
		out.Members = append(out.Members, m)
	}
	sort.Slice(out.Members, func(i, j int) bool { return out.Members[i].Node < out.Members[j].Node })
	for name, n := range schedulers {
		if name != "" && n > 1 {
			out.Conflicts = append(out.Conflicts, name)
		}
	}
	sort.Strings(out.Conflicts)
	return out
}
