//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"github.com/cutover/cutover/cutover"
)

func inConsul(c config) { c["state"] = "consul" }

// elsewhere makes the stack's next commands those of another machine, as far as a lock can tell: in another pid namespace
// nothing can be proved of the processes of this one.
func (s *stack) elsewhere() {
	s.Helper()
	unshare, err := exec.LookPath("unshare")
	if err != nil || os.Geteuid() != 0 {
		s.Skip("another pid namespace needs unshare, and root to use it")
	}
	s.prefix = []string{unshare, "--pid", "--fork", "--mount-proc", "--kill-child"}
}

// Two controllers that are started at once: one has the lock, the other says who has it.
func TestTwoControllersAtOnce(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, config: inConsul})
	load := s.traffic()
	first := s.begin("apply", "--yes")
	s.elsewhere()
	second := s.begin("apply", "--yes")
	got := []result{s.finish(first), s.finish(second)}
	load.end()
	slices.SortFunc(got, func(a, b result) int { return a.code - b.code })
	if got[0].code != 0 || got[1].code != 4 || !strings.Contains(got[1].stderr, "held by") {
		t.Errorf("exits %d and %d: %s", got[0].code, got[1].code, got[1].stderr)
	}
	s.isNew(s.journal().Plan.Spec.Rollout)
}

// The owner of the lock sleeps past its lease while another machine carries its rollout on. Awake, it sends nothing more.
func TestOwnerThatSleepsPastItsLease(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, config: inConsul})
	load := s.traffic()
	owner := s.begin("apply", "--yes")
	s.await(time.Minute, "the first drain", func() bool { return inFlight(s.journal(), cutover.Member, s.fleet[0]) })
	s.must(owner.Process.Signal(syscall.SIGSTOP))
	s.elsewhere()
	if refused := s.cutover("apply", "--yes"); refused.code != 4 || !strings.Contains(refused.stderr, "held by") {
		t.Errorf("while its lease lasts: exit %d", refused.code)
	}
	began := time.Now()
	if got := s.cutover("resume", "--yes", "--wait", "90s"); got.code != 0 {
		t.Errorf("the other machine: exit %d", got.code)
	}
	t.Logf("the other machine had the lock, and the rollout done, after %s", time.Since(began).Round(time.Second))
	rollout := s.journal().Plan.Spec.Rollout
	s.isNew(rollout)
	before, intent := s.journal(), s.intent()
	awake := time.Now()
	s.must(owner.Process.Signal(syscall.SIGCONT))
	if got := s.finish(owner); got.code != 4 {
		t.Errorf("the owner, awake: exit %d", got.code)
	}
	load.end()
	if sent := s.changes(awake); len(sent) > 0 {
		t.Errorf("the owner, awake, changed containers: %v", sent)
	}
	if after := s.intent(); after != intent {
		t.Errorf("the owner, awake, changed registrations:\n%s\nbefore:\n%s", after, intent)
	}
	if after := s.journal(); after.Rev != before.Rev {
		t.Errorf("the owner, awake, wrote the journal: revision %d, before %d", after.Rev, before.Rev)
	}
	s.isNew(rollout)
}

// intent is what Consul has been told of the members, as text.
func (s *stack) intent() string {
	s.Helper()
	services, err := s.consul.Agent().Services()
	s.must(err)
	for _, service := range services {
		service.ContentHash = ""
	}
	text, err := json.MarshalIndent(services, "", " ")
	s.must(err)
	return string(text)
}

// changes are what Docker was asked to do to containers of the stack since a moment.
func (s *stack) changes(since time.Time) (sent []string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second)
	defer cancel()
	messages, errs := s.engine.Events(ctx, events.ListOptions{
		Since: since.Format(time.RFC3339Nano), Until: time.Now().Format(time.RFC3339Nano),
		Filters: filters.NewArgs(filters.Arg("type", "container"), filters.Arg("label", label+"="+s.name)),
	})
	for {
		select {
		case message := <-messages:
			if action, _, _ := strings.Cut(string(message.Action), ":"); !strings.HasPrefix(action, "exec_") && action != "health_status" {
				sent = append(sent, action+" "+message.Actor.Attributes["name"])
			}
		case <-errs: // the end of what was asked for
			return sent
		}
	}
}
