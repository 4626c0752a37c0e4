//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	datastore "github.com/cutover/cutover/integration/standin/datastore/store"
	"github.com/cutover/cutover/integration/standin/gateway/node"
	"github.com/cutover/cutover/integration/standin/workload/load"
)

// traffic is a workload through both load balancers: GET, POST, and requests that take three seconds.
type traffic struct {
	s    *stack
	stop context.CancelFunc
	done chan load.Summary
}

func (s *stack) traffic() *traffic {
	s.Helper()
	config := load.Config{URLs: s.fronts, Rate: s.rate}
	if s.nginx {
		config.ResetsAt = s.fronts[1:]
	}
	if s.product.real {
		config.Requests = []load.Request{{Method: http.MethodGet, Path: ping, Weight: 1}}
	}
	runner, err := load.New(config)
	s.must(err)
	ctx, stop := context.WithCancel(s.Context())
	t := &traffic{s: s, stop: stop, done: make(chan load.Summary, 1)}
	go func() { t.done <- runner.Run(ctx) }()
	s.await(20*time.Second, "the workload's first answers", func() bool { return runner.Snapshot().ByStatus["200"] > 50 })
	return t
}

// end stops the workload and asserts that nothing of it was lost.
func (t *traffic) end() load.Summary {
	t.s.Helper()
	summary := t.ends()
	if summary.Lost != 0 {
		t.s.Errorf("%d of %d requests lost: %+v", summary.Lost, summary.Requests, summary.FirstLosses)
	}
	return summary
}

// endAround stops the workload and asserts that requests were lost only while a container that served was found to be dead.
func (t *traffic) endAround(died time.Time) {
	t.s.Helper()
	t.endBetween(died, died.Add(5*time.Second))
}

// endBetween stops the workload and asserts that what was lost failed between two moments.
func (t *traffic) endBetween(from, to time.Time) {
	t.s.Helper()
	for _, loss := range t.ends().FirstLosses {
		failed := loss.At.Add(time.Duration(loss.AfterMS * float64(time.Millisecond)))
		if failed.Before(from) || failed.After(to) {
			t.s.Errorf("lost %s after containers began to die: %+v", failed.Sub(from), loss)
		}
	}
}

func (t *traffic) ends() load.Summary {
	t.s.Helper()
	t.stop()
	summary := <-t.done
	t.s.Logf("workload: %d requests, %d lost, %d resets of idle connections, p50 %.1f ms, p99 %.1f ms, max %.1f ms, versions %v",
		summary.Requests, summary.Lost, summary.Resets, summary.P50MS, summary.P99MS, summary.MaxMS, summary.Versions)
	return summary
}

// counted is what the data store and the memories of these containers hold together.
func (s *stack) counted(containerNames ...string) datastore.Counters {
	s.Helper()
	var totals datastore.Totals
	s.getJSON("http://"+s.ports["datastore:9240"]+"/totals", &totals)
	sum := totals.Counters
	for _, name := range containerNames {
		held := s.held(name)
		sum.Add(held.Counters)
	}
	return sum
}

// hasCounted asserts that every request that was served is in each of the figures, to the last one.
func (s *stack) hasCounted(served int64, containerNames ...string) {
	s.Helper()
	counted, quota := s.counted(containerNames...), int64(0)
	for _, used := range counted.Quota {
		quota += used
	}
	if counted.Transactions != served || counted.Licence != served || quota != served {
		s.Errorf("served %d, counted %+v", served, counted)
	}
}

// held is what a running stand-in says of itself.
func (s *stack) held(containerName string) node.Held {
	s.Helper()
	var held node.Held
	s.getJSON(fmt.Sprintf("http://%s:9999/standin/counters", s.address(containerName)), &held)
	return held
}

// setFaults changes the faults of a running stand-in.
func (s *stack) setFaults(containerName, faults string) {
	s.Helper()
	s.request(http.MethodPut, fmt.Sprintf("http://%s:9999/standin/faults", s.address(containerName)), faults)
}

// write changes something of a gateway's configuration, and returns the status of the answer.
func (s *stack) write(containerName string) int {
	s.Helper()
	return s.request(http.MethodPost, fmt.Sprintf("http://%s:5555/rest/apigateway/apis", s.address(containerName)), "{}")
}

func (s *stack) request(method, url, body string) int {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), method, url, strings.NewReader(body))
	s.must(err)
	request.SetBasicAuth("Administrator", s.password)
	response, err := http.DefaultClient.Do(request)
	s.must(err)
	defer response.Body.Close()
	return response.StatusCode
}

func (s *stack) getJSON(url string, into any) {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, url, nil)
	s.must(err)
	request.SetBasicAuth("Administrator", s.password)
	response, err := http.DefaultClient.Do(request)
	s.must(err)
	defer response.Body.Close()
	s.must(json.NewDecoder(response.Body).Decode(into))
}

// watched follows the last request of each old container for as long as it can be asked.
type watched struct {
	mu   sync.Mutex
	last map[string]time.Time
	stop context.CancelFunc
	done sync.WaitGroup
}

func (s *stack) watch(containerNames ...string) *watched {
	s.Helper()
	ctx, stop := context.WithCancel(s.Context())
	w := &watched{last: map[string]time.Time{}, stop: stop}
	for _, name := range containerNames {
		url := fmt.Sprintf("http://%s:9999/standin/counters", s.address(name))
		c, err := s.engine.ContainerInspect(s.Context(), name)
		s.must(err)
		w.done.Go(func() { w.follow(ctx, name, c.Config.Hostname, url) })
	}
	return w
}

// follow asks the node at a URL; another container may have its address later.
func (w *watched) follow(ctx context.Context, name, nodeName, url string) {
	client := &http.Client{Timeout: time.Second}
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return
		}
		request.SetBasicAuth("Administrator", "manage")
		if response, err := client.Do(request); err == nil {
			var held node.Held
			if json.NewDecoder(response.Body).Decode(&held) == nil && held.Node == nodeName && held.LastRequest != nil {
				w.mu.Lock()
				w.last[name] = *held.LastRequest
				w.mu.Unlock()
			}
			response.Body.Close()
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (w *watched) end() map[string]time.Time {
	w.stop()
	w.done.Wait()
	return w.last
}
