//go:build integration

package integration

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/integration/standin/workload/load"
)

// What a cutover costs, beside a plain script that does the same without looking: it takes some minutes, so only make
// bench measures it.
func TestCutoverFigures(t *testing.T) {
	if os.Getenv("CUTOVER_FIGURES") == "" {
		t.Skip("make bench measures this")
	}
	const nodes = 3
	t.Run("script", func(t *testing.T) {
		s := newStack(t, options{nodes: nodes})
		work := s.workload()
		began := time.Now()
		for i, old := range s.fleet {
			s.replaceByScript(i+1, old)
		}
		took := time.Since(began)
		t.Logf("a plain script: %.2f s a node; %s", took.Seconds()/nodes, work())
	})
	t.Run("cutover", func(t *testing.T) {
		s := newStack(t, options{nodes: nodes, config: func(c config) {
			c.strategy("hold", "0s")
			c.strategy("soak", "0s")
		}})
		work := s.workload()
		run := s.begin("apply", "--yes", "--report", "report.json")
		began := time.Now()
		got := s.finish(run)
		wall := time.Since(began)
		lost := work()
		if got.code != 0 {
			t.Fatalf("exit %d", got.code)
		}
		made := s.report()
		drains := 0.0
		for _, step := range made.Steps {
			if step.Kind == cutover.Member && step.From == cutover.Serving && step.To == cutover.Drained {
				drains += step.Seconds
			}
		}
		cpu := run.ProcessState.UserTime() + run.ProcessState.SystemTime()
		sorted := slices.Sorted(slices.Values(made.Propagation))
		t.Logf("cutover, hold 0s: %.2f s a node, of which drain %.2f s; %s", made.Finished.Sub(made.Started).Seconds()/nodes, drains/nodes, lost)
		t.Logf("propagation by reload: median %.0f ms, max %.0f ms of %d; overhead %.2f s; the command's own CPU: %.1f %% of a core over %.0f s",
			sorted[len(sorted)/2], sorted[len(sorted)-1], len(sorted), made.Overhead, 100*cpu.Seconds()/wall.Seconds(), wall.Seconds())
		t.Logf("latency before: p99 %.1f ms, during: p99 %.1f ms; probe: %d of %d lost", made.Probe.Before.P99, made.Probe.During.P99, made.Probe.Lost, made.Probe.Requests)
	})
}

// workload is traffic of which some may be lost; the returned function ends it and says how much was.
func (s *stack) workload() (end func() string) {
	s.Helper()
	runner, err := load.New(load.Config{URLs: s.fronts, Rate: 200})
	s.must(err)
	done := make(chan load.Summary, 1)
	ctx, stop := context.WithCancel(s.Context())
	go func() { done <- runner.Run(ctx) }()
	s.await(20*time.Second, "the workload's first answers", func() bool { return runner.Snapshot().ByStatus["200"] > 50 })
	return func() string {
		stop()
		got := <-done
		return fmt.Sprintf("%d of %d requests lost, p99 %.1f ms", got.Lost, got.Requests, got.P99MS)
	}
}

// replaceByScript replaces a node as a plain script does: register, wait for passing, deregister, docker stop.
func (s *stack) replaceByScript(number int, old string) {
	s.Helper()
	service := readCompose(s.T, "../compose/compose.yaml", nil)["gateway"]
	service.Image = s.product.fixed
	for key, value := range map[string]string{"GATEWAY_START": "500ms", "GATEWAY_QUIESCE_TIME": "300ms", "GATEWAY_STOP_TIME": "300ms", "SCHEDULER_NAME": old + "-new"} {
		service.Environment[key] = value
	}
	fresh := old + "-new"
	s.start("gateway", service, fresh)
	s.register(100+number, fresh)
	s.await(time.Minute, "its check to pass", func() bool {
		passing, _, err := s.consul.Health().Service("api-gateway", "", true, nil)
		return err == nil && slices.ContainsFunc(passing, func(e *api.ServiceEntry) bool { return strings.HasSuffix(e.Service.ID, fmt.Sprint(100+number)) })
	})
	s.must(s.consul.Agent().ServiceDeregister(fmt.Sprintf("gw-%d", number)))
	s.must(s.engine.ContainerStop(s.Context(), old, container.StopOptions{}))
}

// The command's own CPU while a drain waits for one connection.
func TestWaitingFigures(t *testing.T) {
	if os.Getenv("CUTOVER_FIGURES") == "" {
		t.Skip("make bench measures this")
	}
	s := newStack(t, options{nodes: 2, config: func(c config) { delete(c, "probe") }})
	var sockets []*webSocket
	for i := range 4 {
		sockets = append(sockets, s.openSocket(s.fronts[i%2]))
	}
	run := s.begin("apply", "--yes")
	s.await(time.Minute, "the drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	before, began := s.cpu(run), time.Now()
	<-time.After(10 * time.Second) // what is measured
	t.Logf("the command's own CPU while it waits in a drain: %.1f %% of a core", 100*(s.cpu(run)-before)/time.Since(began).Seconds())
	for _, socket := range sockets {
		socket.Close()
	}
	if got := s.finish(run); got.code != 0 {
		t.Errorf("exit %d", got.code)
	}
}

// cpu is what a command has used so far, in seconds.
func (s *stack) cpu(run *running) float64 {
	s.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", run.Process.Pid))
	s.must(err)
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	ticks := 0.0
	for _, field := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.ParseFloat(field, 64)
		s.must(err)
		ticks += n
	}
	return ticks / 100
}
