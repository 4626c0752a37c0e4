package store

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// task is a scheduled user task in the scheduler's database, which the nodes
// share: whoever asks first when it is due runs it, and suspending it suspends
// it for all.
type task struct {
	suspended bool
	runs      []Run
}

// Run is one run of a task.
type Run struct {
	Node string    `json:"node"`
	At   time.Time `json:"at"`
}

// Task is the answer to GET /tasks/{service}, and without runs part of GET /tasks.
type Task struct {
	Service   string `json:"service"`
	Suspended bool   `json:"suspended"`
	Runs      []Run  `json:"runs,omitempty"`
}

// Due is the body of POST /tasks/{service}/runs. Without EveryMS the run counts
// whenever it is.
type Due struct {
	Node    string `json:"node"`
	EveryMS int64  `json:"every_ms"`
}

// IsDue is its answer: whether the run counts, and the node has to make it.
type IsDue struct {
	Due bool `json:"due"`
}

// task must be called with the lock held.
func (s *Store) task(service string) *task {
	if s.tasks[service] == nil {
		s.tasks[service] = &task{}
	}
	return s.tasks[service]
}

func (s *Store) runTask(w http.ResponseWriter, r *http.Request) {
	var body Due
	if !decode(w, r, &body) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, now := s.task(r.PathValue("service")), s.now()
	due := !t.suspended
	if n := len(t.runs); due && n > 0 {
		due = now.Sub(t.runs[n-1].At) >= time.Duration(body.EveryMS)*time.Millisecond
	}
	if due {
		t.runs = append(t.runs, Run{Node: body.Node, At: now})
	}
	reply(w, IsDue{Due: due})
}

// putTask takes {"suspended": bool}.
func (s *Store) putTask(w http.ResponseWriter, r *http.Request) {
	var body Task
	if !decode(w, r, &body) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.task(r.PathValue("service")).suspended = body.Suspended
}

func (s *Store) getTask(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := r.PathValue("service")
	t := s.task(name)
	reply(w, Task{Service: name, Suspended: t.suspended, Runs: t.runs})
}

func (s *Store) getTasks(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Task{}
	for _, name := range slices.Sorted(maps.Keys(s.tasks)) {
		out = append(out, Task{Service: name, Suspended: s.tasks[name].suspended})
	}
	reply(w, out)
}
