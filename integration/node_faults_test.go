//go:build integration

package integration

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/cutover/cutover/cutover"
)

// Containers die in the middle of a rollout. Each time the fleet ends as it was, or as it was to be; what may be lost with
// them is said; and no request is lost, unless it was on its way to the one that died.
func TestContainersThatDie(t *testing.T) {
	s := newStack(t, options{nodes: 2, env: map[string]string{"GATEWAY_QUIESCE_TIME": "1s", "GATEWAY_STOP_TIME": "1s"}, config: func(c config) {
		c.timeout("join", "6s")
		c.timeout("quiesce", "10s")
		c.strategy("soak", "4s")
		c["probe"].(config)["on_loss"] = "report" // it is not the probe that is to notice: what dies may take a request of its own along
	}})
	s.needsStandIn()
	s.part("the new one, while it starts", s.newDiesStarting)
	s.part("the new one, while it joins", s.newDiesJoining)
	s.part("a new one, in the soak", s.newDiesInTheSoak)
	s.part("a new one, for want of memory", s.newIsOutOfMemory)
	s.part("the old one, while it drains", s.oldDiesDraining)
	s.part("the old one, while it quiesces", s.oldDiesQuiescing)
	s.part("the old one, while it stops", s.oldDiesStopping)
}

// newDiesStarting: what ends after the engine has said that it runs is a bad image. One that the engine could not start is
// started again.
func (s *stack) newDiesStarting() {
	before, began := s.ids(), time.Now()
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	name := s.awaitSuccessor(0, cutover.Container, cutover.Healthy)
	s.await(10*time.Second, name+" to be started", func() bool { return slices.Contains(s.changes(began), "start "+name) })
	s.dies(name)
	got := s.finish(run)
	load.end()
	s.wentBack(got, before, name+": exited with code 137", "docker logs "+name)
}

func (s *stack) newDiesJoining() {
	before := s.ids()
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	name := s.awaitSuccessor(0, cutover.Member, cutover.Serving)
	died := s.dies(name)
	got := s.finish(run)
	load.endAround(died)
	s.wentBack(got, before, name)
}

// newDiesInTheSoak kills the first of two that have taken over: what it has counted is lost with it.
func (s *stack) newDiesInTheSoak() {
	before := s.ids()
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	name := s.awaitSoak()
	died := s.dies(name)
	got := s.finish(run)
	load.endAround(died)
	s.wentBack(got, before, name+": the container does not run", "since the last flush are lost")
}

// newIsOutOfMemory lets a new one that serves allocate more than it may have, whenever Docker has started it again.
func (s *stack) newIsOutOfMemory() {
	before := s.ids()
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	name := s.awaitSuccessor(0, cutover.Member, cutover.Serving)
	began, enough := time.Now(), s.allocates(name)
	got := s.finish(run)
	enough()
	load.endBetween(began, time.Now())
	s.wentBack(got, before, name+": Docker has restarted it", "may be lost")
}

func (s *stack) oldDiesDraining() {
	before := s.ids()
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the first drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	died := s.dies(s.fleet[0])
	got := s.finish(run)
	load.endAround(died)
	s.wentBack(got, before, s.fleet[0]+": the container does not run", "since the last flush are lost")
}

func (s *stack) oldDiesQuiescing() {
	before := s.ids()
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the first quiesce", func() bool {
		return inFlight(s.journal(), cutover.Workload, s.fleet[0]) && s.held(s.fleet[0]).Mode == "QUIESCE"
	})
	s.dies(s.fleet[0])
	got := s.finish(run)
	load.end()
	s.wentBack(got, before, s.fleet[0], "may be lost")
}

// oldDiesStopping: it was to end, and holds nothing any more.
func (s *stack) oldDiesStopping() {
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the first stop", func() bool { return inFlight(s.journal(), cutover.Container, s.fleet[0]) })
	s.dies(s.fleet[0])
	got := s.finish(run)
	load.end()
	if strings.Contains(got.stdout, "flush are lost") {
		s.Errorf("what was flushed is said to be lost")
	}
	s.replaced(got)
}

// dies ends a container at once, and it stays down.
func (s *stack) dies(name string) (at time.Time) {
	s.Helper()
	at = time.Now()
	s.must(s.engine.ContainerKill(s.Context(), name, "KILL"))
	return at
}

// awaitSuccessor waits until a node's successor is on its way to a state, and names it.
func (s *stack) awaitSuccessor(node int, kind cutover.Kind, to cutover.State) (name string) {
	s.Helper()
	s.await(time.Minute, fmt.Sprintf("the successor of node %d on its way to be %s", node+1, to), func() bool {
		j := s.journal()
		name = successor(s.fleet[node], j.Plan.Spec.Rollout)
		return inFlight(j, kind, name) && j.History[len(j.History)-1].Step.To == to
	})
	return name
}

// awaitSoak waits until the whole new fleet is watched, and names its first container.
func (s *stack) awaitSoak() (name string) {
	s.Helper()
	s.await(2*time.Minute, "the soak", func() bool {
		j := s.journal()
		name = successor(s.fleet[0], j.Plan.Spec.Rollout)
		return inFlight(j, cutover.Member, name) && len(j.History[len(j.History)-1].Step.Targets) == len(s.fleet)
	})
	return name
}

// allocates limits the memory of a container and sends it requests that take more, for as long as it is there, and
// returns once the kernel has killed it for that.
func (s *stack) allocates(name string) (stop func()) {
	s.Helper()
	const limit = 48 << 20
	_, err := s.engine.ContainerUpdate(s.Context(), name, container.UpdateConfig{Resources: container.Resources{Memory: limit, MemorySwap: limit}})
	s.must(err)
	ctx, cancel := context.WithCancel(s.Context())
	url := fmt.Sprintf("http://%s:5555/gateway/orders?sleep=10s", s.address(name))
	large := make([]byte, 8<<20)
	var senders sync.WaitGroup
	for range 12 {
		senders.Go(func() {
			for ctx.Err() == nil {
				request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(large))
				if err != nil {
					return
				}
				if response, err := http.DefaultClient.Do(request); err == nil {
					response.Body.Close()
				}
				<-time.After(20 * time.Millisecond)
			}
		})
	}
	s.await(20*time.Second, name+" to be killed for its memory", func() bool {
		return slices.Contains(s.changes(time.Now().Add(-20*time.Second)), "oom "+name)
	})
	return func() { cancel(); senders.Wait() }
}

// wentBack asserts that the fleet is the one that it was, and that all of this was said.
func (s *stack) wentBack(got result, before map[string]string, said ...string) {
	s.Helper()
	if made := s.report(); got.code != cutover.RolledBack.ExitCode() || made.Outcome != cutover.RolledBack {
		s.Errorf("exit %d, %s", got.code, made.Outcome)
	}
	for _, text := range said {
		if !strings.Contains(got.stdout, text) {
			s.Errorf("it is not said: %q", text)
		}
	}
	s.isOld(before)
}
