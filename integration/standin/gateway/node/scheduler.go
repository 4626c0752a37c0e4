package node

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cutover/cutover/integration/standin/datastore/store"
)

// scheduler runs the scheduled user tasks. In a cluster they are the same for
// all nodes: each is run by the node that first asks when it is due, and
// suspending it suspends it everywhere.
type scheduler struct {
	all    *consumers
	taking sync.Mutex // held while it is asked whether a task is due

	mu     sync.Mutex
	paused bool                 // pauseScheduler: this node only, until it restarts
	last   map[string]time.Time // runs of a node without a data store
}

func newScheduler(c *consumers) *scheduler {
	return &scheduler{all: c, last: map[string]time.Time{}}
}

// step runs a task if it is due here.
func (s *scheduler) step(ctx context.Context, spec TaskSpec) bool {
	if !s.claim(ctx, spec) {
		return false
	}
	defer s.all.activity.end(spec.Service)
	timer := time.NewTimer(s.all.cfg.TriggerWork) // what the service takes
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return true
}

// claim tells whether a task is due and the node is the one to run it; its
// service counts as running then.
func (s *scheduler) claim(ctx context.Context, spec TaskSpec) bool {
	s.taking.Lock()
	defer s.taking.Unlock()
	if s.isPaused() || !s.all.mayTake() || !s.isDue(ctx, spec) {
		return false
	}
	s.all.activity.begin(spec.Service)
	return true
}

func (s *scheduler) isDue(ctx context.Context, spec TaskSpec) bool {
	if s.all.cluster.url != "" {
		var out store.IsDue
		body := store.Due{Node: s.all.cfg.Name, EveryMS: spec.Every.Milliseconds()}
		return s.all.cluster.post(ctx, taskPath(spec)+"/runs", body, &out) == nil && out.Due
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all.memory.get("task", spec.Service) != "" || time.Since(s.last[spec.Service]) < spec.Every {
		return false
	}
	s.last[spec.Service] = time.Now()
	return true
}

func taskPath(spec TaskSpec) string { return "/tasks/" + url.PathEscape(spec.Service) }

func (s *scheduler) isPaused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused
}

func (s *scheduler) pause(on bool) map[string]any {
	s.mu.Lock()
	s.paused = on
	s.mu.Unlock()
	s.all.settle()
	return s.state(nil)
}

func (s *scheduler) pauseScheduler(map[string]string) map[string]any  { return s.pause(true) }
func (s *scheduler) resumeScheduler(map[string]string) map[string]any { return s.pause(false) }

func (s *scheduler) state(map[string]string) map[string]any {
	if s.isPaused() || s.all.isQuiesced() {
		return map[string]any{"state": "paused"}
	}
	return map[string]any{"state": "running"}
}

// isSuspended asks the shared database, where there is one.
func (s *scheduler) isSuspended(spec TaskSpec) (bool, error) {
	if s.all.cluster.url == "" {
		return s.all.memory.get("task", spec.Service) != "", nil
	}
	var out store.Task
	status, err := s.all.cluster.ask(context.Background(), http.MethodGet, taskPath(spec), nil, &out)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("GET %s: %d", taskPath(spec), status)
	}
	return out.Suspended, err
}

func (s *scheduler) list(map[string]string) map[string]any {
	tasks := []map[string]string{}
	for _, spec := range s.all.cfg.Tasks {
		suspended, err := s.isSuspended(spec)
		if err != nil {
			return failed("the scheduler's database: %v", err)
		}
		state := "ready"
		if suspended {
			state = "suspended"
		}
		_, name, _ := strings.Cut(spec.Service, ":")
		tasks = append(tasks, map[string]string{
			"oid": taskID(spec), "name": name, "service": spec.Service, "type": "repeat", "execState": state,
			"schedState": "unexpired", "target": "$any", "runAsUser": s.all.cfg.User,
		})
	}
	return map[string]any{"tasks": tasks, "extTasks": []any{}}
}

// taskID is the same on every node.
func taskID(spec TaskSpec) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(spec.Service)) // never fails
	return fmt.Sprintf("%016x", h.Sum64())
}

func (s *scheduler) suspendTask(in map[string]string) map[string]any {
	return s.setTask(in["oid"], true)
}

func (s *scheduler) wakeupTask(in map[string]string) map[string]any {
	return s.setTask(in["oid"], false)
}

func (s *scheduler) setTask(oid string, suspended bool) map[string]any {
	for _, spec := range s.all.cfg.Tasks {
		if taskID(spec) != oid {
			continue
		}
		if s.all.cluster.url == "" {
			s.all.memory.set("task", spec.Service, map[bool]string{true: "suspended"}[suspended])
		} else if status, err := s.all.cluster.ask(context.Background(), http.MethodPut, taskPath(spec),
			store.Task{Suspended: suspended}, nil); err != nil || status != http.StatusOK {
			return failed("the scheduler's database: %d %v", status, err)
		}
		s.all.settle()
		return map[string]any{"message": "Task " + spec.Service + " is changed"}
	}
	return failed("no task has the oid %q", oid)
}
