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
// (watt.server.scheduler.logical.hostname).
type Member struct {
	Node      string    `json:"node"`
	Version   string    `json:"version"`
	Scheduler string    `json:"scheduler"`
	Healthy   bool      `json:"healthy"`
	LastSeen  time.Time `json:"last_seen"`
}

// Members is the answer to GET /members and to a heartbeat. Conflicts lists the
// scheduler names that more than one member uses.
type Members struct {
	Nodes        int      `json:"nodes"`
	HealthyNodes int      `json:"healthy_nodes"`
	Members      []Member `json:"members"`
	Conflicts    []string `json:"conflicts"`
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
	reply(w, s.list())
}

func (s *Store) leave(_ http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.members, r.PathValue("node"))
}

func (s *Store) getMembers(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply(w, s.list())
}

// list must be called with the lock held.
func (s *Store) list() Members {
	out := Members{Members: []Member{}, Conflicts: []string{}}
	schedulers := map[string]int{}
	for name, m := range s.members {
		silent := s.now().Sub(m.LastSeen)
		if silent > forgottenAfter {
			delete(s.members, name)
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
