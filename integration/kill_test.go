//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/docker"
)

// The controller is killed with SIGKILL at the revisions of its journal, on the way forward and on the way back, and then
// the rollout is carried on, or taken back, in turn, by another process. Every time the fleet is whole, nothing is left
// over, and no request is lost. All of it is on one stack, under one workload. make fault kills at every revision, three
// times; otherwise it is at every fifth, once.
func TestKilledAtTheRevisionsOfItsJournal(t *testing.T) {
	t.Parallel()
	rounds, stride := 1, 5
	if n, err := strconv.Atoi(os.Getenv("CUTOVER_FAULT_ROUNDS")); err == nil {
		rounds, stride = n, 1
	}
	s := newStack(t, options{nodes: 2, config: func(c config) {
		c["state"] = "consul"
		c.strategy("hold", "100ms")
		c.strategy("soak", "300ms")
	}})
	k := &kills{stack: s, images: []string{s.product.old, s.product.fixed}}
	load := s.traffic()
	for round := range rounds {
		for _, back := range []bool{false, true} {
			k.series(back, round, stride)
		}
	}
	summary := load.end()
	t.Logf("killed %d times at %d revisions: %v; %d of %d requests lost", k.count, len(k.at), k.ended, summary.Lost, summary.Requests)
}

// kills is a stack on which controllers are killed, one after the other.
type kills struct {
	*stack
	images []string // what the fleet runs, and what it is to run next
	count  int
	at     map[string]bool
	ended  map[string]int // by how it went on
}

// series kills once at every stride-th step of one direction.
func (k *kills) series(back bool, round, stride int) {
	k.Helper()
	for at, steps := 0, 1; at < steps; at += stride {
		steps = k.once(back, []string{"resume", "rollback"}[(at+round)%2], at)
		if k.Failed() {
			k.FailNow()
		}
	}
}

// once begins a rollout, kills it at a step, finishes it, and tells how many steps its direction has.
func (k *kills) once(back bool, then string, at int) (steps int) {
	k.Helper()
	k.config["image"] = config{"ref": k.images[1]}
	k.writeConfig()
	before := k.ids()
	direction := cutover.Forward
	run := k.begin("apply", "--yes")
	if back {
		direction = cutover.Back
		k.awaitHead(run, func(h head) bool { return h.Cursor >= h.of()-2 })
		k.must(run.Process.Signal(syscall.SIGTERM))
	}
	seen := k.awaitHead(run, func(h head) bool { return h.Direction == direction && h.Cursor >= at })
	k.must(run.Process.Kill())
	if got := k.finish(run); got.code != -1 {
		k.Errorf("killed at %s step %d: exit %d", direction, at, got.code)
	}
	journal := k.journal()
	finished := k.cutover(then, "--yes")
	if then == "rollback" && finished.code == 1 { // the old containers were being removed already
		finished = k.cutover("resume", "--yes")
	}
	k.Logf("killed at %s step %d (revision %d), %s: exit %d", seen.Direction, seen.Cursor, seen.Rev, then, finished.code)
	k.tally(fmt.Sprintf("%s %d", seen.Direction, seen.Cursor), fmt.Sprintf("%s, %s: exit %d", direction, then, finished.code))
	k.isWhole(journal, finished.code, before, map[string]int{"resume": 2, "rollback": 0}[then])
	return len(journal.Steps())
}

func (k *kills) tally(at, ended string) {
	if k.at == nil {
		k.at, k.ended = map[string]bool{}, map[string]int{}
	}
	k.count++
	k.at[at] = true
	k.ended[ended]++
}

// isWhole asserts that the fleet is either the new one or the one that it was, by the exit code and the journal, and that
// nothing else is there.
func (k *kills) isWhole(killed cutover.Journal, code int, before map[string]string, rolledBack int) {
	k.Helper()
	ended := k.journal()
	switch {
	case ended.Outcome == cutover.RolledBack && code == rolledBack:
		k.isFleet(k.fleet)
		if after := k.ids(); !maps.Equal(after, before) {
			k.Errorf("containers: %v, before: %v", after, before)
		}
	case ended.Outcome == cutover.Done && code == 0:
		for i, name := range k.fleet {
			k.fleet[i] = successor(name, killed.Plan.Spec.Rollout)
		}
		k.isFleet(k.fleet)
		slices.Reverse(k.images)
	default:
		k.Errorf("exit %d, journal: %s (%s)", code, ended.Outcome, ended.Reason)
	}
	for _, id := range append(slices.Collect(maps.Values(before)), slices.Collect(maps.Values(k.ids()))...) {
		helpers, err := k.engine.ContainerList(k.Context(), container.ListOptions{All: true, Filters: labelled(docker.LabelHelper + "=" + id)})
		k.must(err)
		if len(helpers) > 0 {
			k.Errorf("a helper container is left over: %s", helpers[0].Names)
		}
	}
	if lock, _, err := k.consul.KV().Get("cutover/api-gateway/control/lock", nil); err != nil || lock == nil || lock.Session != "" {
		k.Errorf("the lock: %v, %v", lock, err)
	}
}

// head is what is looked at of a journal in Consul.
type head struct {
	Rev       uint64            `json:"rev"`
	Rollout   string            `json:"rollout"`
	Direction cutover.Direction `json:"direction"`
	Cursor    int               `json:"cursor"`
	Outcome   cutover.Outcome   `json:"outcome"`
	steps     int
}

// of is how many steps the way forward has.
func (h head) of() int { return h.steps }

// awaitHead waits, by blocking queries, for a revision of the journal that a run writes.
func (k *kills) awaitHead(run *running, reached func(head) bool) head {
	k.Helper()
	ctx, cancel := context.WithTimeout(k.Context(), 3*time.Minute)
	defer cancel()
	var index uint64
	var h head
	earlier, now := "", ""
	for ctx.Err() == nil {
		pair, meta, err := k.consul.KV().Get("cutover/api-gateway/head", (&api.QueryOptions{WaitIndex: index, WaitTime: time.Second}).WithContext(ctx))
		k.must(err)
		index = meta.LastIndex
		if pair == nil {
			continue
		}
		h = head{}
		k.must(json.Unmarshal(pair.Value, &h))
		if now != h.Rollout {
			earlier, now = now, h.Rollout
		}
		if h.Outcome != "" {
			if earlier != "" {
				k.Fatalf("the run has ended before it could be killed: %s\n%s", h.Outcome, run.stdout.String())
			}
			continue // the rollout before
		}
		if h.steps == 0 {
			h.steps = len(k.journal().Plan.Steps)
		}
		if reached(h) {
			return h
		}
	}
	k.Fatalf("the journal did not get there: %+v\n%s", h, run.stdout.String())
	return h
}
