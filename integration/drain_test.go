//go:build integration

package integration

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/docker"
)

// A node is drained although it is never without connections: health checks, a scraper, and an admin page that is open.
// What is in flight from anywhere is waited for. The connections are seen from this machine's /proc, and, where
// the container's process can't be seen, by a helper.
func TestDrainOfABusyNode(t *testing.T) {
	t.Parallel()
	for name, prefix := range map[string][]string{"proc": nil, "helper": ownProcesses} {
		t.Run(name, func(t *testing.T) {
			needsNamespace(t, prefix)
			s := newStack(t, options{nodes: 1, config: func(c config) {
				c["strategy"].(config)["drain"].(config)["others"] = "4s"
				c["strategy"].(config)["drain"].(config)["sockets"] = "require"
			}})
			s.prefix = prefix
			at := s.address(s.fleet[0]) + ":5555"
			page := s.openPage(at)
			defer page.Close()
			scraped := s.scrape("http://" + at + "/metrics")
			load := s.traffic()
			run := s.begin("apply", "--yes", "--report", "report.json")
			s.await(time.Minute, "the drain", func() bool { return drains(s.journal(), s.fleet[0]) })
			s.await(10*time.Second, "the connections to be looked at", func() bool { return (s.helpers() > 0) == (len(prefix) > 0) })
			slow := make(chan int, 1)
			go func() { slow <- s.request(http.MethodGet, "http://"+at+"/gateway/slow?sleep=2s", "") }()
			got := s.finish(run)
			load.end()
			if got.code != 0 || s.report().Probe.Lost != 0 {
				t.Errorf("exit %d", got.code)
			}
			if why := s.waitedFor(s.fleet[0]); !strings.Contains(why, "sockets: 1 ("+page.LocalAddr().String()) {
				t.Errorf("what held the drain longest: %s", why)
			}
			if want := "still open and are cut when it stops: "; !strings.Contains(got.stdout, want) || !strings.Contains(got.stdout, page.LocalAddr().String()) {
				t.Errorf("the open page, %s, is not named", page.LocalAddr())
			}
			if status := <-slow; status != http.StatusOK {
				t.Errorf("a direct request in flight: %d", status)
			}
			if n := scraped(); n < 3 {
				t.Errorf("scraped %d times", n)
			}
			s.hasNoHelpers()
		})
	}
}

// ownProcesses runs the command where it does not see the containers' processes, as if the engine were elsewhere.
var ownProcesses = []string{"unshare", "--pid", "--fork", "--mount-proc"}

func needsNamespace(t *testing.T, prefix []string) {
	t.Helper()
	if len(prefix) == 0 {
		return
	}
	if out, err := exec.Command(prefix[0], append(slices.Clone(prefix[1:]), "true")...).CombinedOutput(); err != nil {
		t.Skipf("a namespace of processes can't be made here: %s", out)
	}
}

// A run that is given up before its first step leaves no helper either.
func TestRefusedRunLeavesNoHelper(t *testing.T) {
	needsNamespace(t, ownProcesses)
	s := newStack(t, options{nodes: 1, config: func(c config) {
		c["probe"] = config{"warm_up": "200ms", "timeout": "1s", "requests": []config{{"url": "http://127.0.0.1:1/"}}}
	}})
	s.prefix = ownProcesses
	before := s.ids()
	if got := s.cutover("apply", "--yes"); got.code != 1 || !strings.Contains(got.stderr, "warm the probe up") {
		t.Errorf("exit %d", got.code)
	}
	s.hasNoHelpers()
	s.isOld(before)
}

// openPage asks for a page and keeps the connection, as a browser does.
func (s *stack) openPage(at string) net.Conn {
	s.Helper()
	page, err := net.Dial("tcp", at)
	s.must(err)
	_, err = io.WriteString(page, "GET /rest/apigateway/health HTTP/1.1\r\nHost: gateway\r\n\r\n")
	s.must(err)
	answer, err := http.ReadResponse(bufio.NewReader(page), nil)
	s.must(err)
	answer.Body.Close()
	return page
}

// drains reports whether a node is being taken out of service.
func drains(j cutover.Journal, name string) bool {
	return inFlight(j, cutover.Member, name) && j.History[len(j.History)-1].Step.To == cutover.Drained
}

// waitedFor is what held a node's drain longest, as the journal has it.
func (s *stack) waitedFor(name string) string {
	s.Helper()
	for _, entry := range s.journal().History {
		if entry.Step.Kind == cutover.Member && entry.Step.To == cutover.Drained && entry.Step.Targets[0] == name {
			return entry.WaitedFor
		}
	}
	return ""
}

// scrape asks for a page again and again, each time on a connection of its own, until the returned function is called.
func (s *stack) scrape(url string) (end func() int) {
	stop, done := make(chan struct{}), make(chan int)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second} // the node will be gone
	go func() {
		count := 0
		for {
			if response, err := client.Get(url); err == nil {
				response.Body.Close()
				count++
			}
			select {
			case <-stop:
				done <- count
				return
			case <-time.After(300 * time.Millisecond):
			}
		}
	}()
	return func() int { close(stop); return <-done }
}

// helpers counts the helper containers.
func (s *stack) helpers() int {
	s.Helper()
	all, err := s.engine.ContainerList(s.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", docker.LabelHelper))})
	s.must(err)
	return len(all)
}

// hasNoHelpers asserts that no helper container is left, nor the image that they were made from.
func (s *stack) hasNoHelpers() {
	s.Helper()
	left, err := s.engine.ContainerList(s.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", docker.LabelHelper))})
	s.must(err)
	images, err := s.engine.ImageList(s.Context(), image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", docker.LabelHelper))})
	s.must(err)
	if len(left)+len(images) > 0 {
		s.Errorf("left over: %d helpers, %d images", len(left), len(images))
	}
}

// A node is not taken out while another one is out of service for reasons of its own.
func TestNoNodeIsTakenOutWhileTooFewServe(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2})
	s.needsStandIn()
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the new container", func() bool { return len(s.containers()) == 3 })
	s.setFaults(s.fleet[1], "never-ready")
	s.await(time.Minute, "the drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	s.await(20*time.Second, "the refusal", func() bool { return strings.Contains(run.stdout.String(), "at least 2 must") })
	s.setFaults(s.fleet[1], "")
	got := s.finish(run)
	load.end()
	if got.code != 0 || s.report().Probe.Lost != 0 {
		t.Errorf("exit %d", got.code)
	}
	s.isNew(s.report().Rollout)
}

// WebSockets have a budget of their own: they go on until it is over, and are then cut and counted, or are a reason to go
// back, and then nothing has happened to them.
func TestWebSockets(t *testing.T) {
	t.Parallel()
	for onTimeout, want := range map[string]int{"cut": 0, "fail": 2} {
		t.Run(onTimeout, func(t *testing.T) {
			s := newStack(t, options{nodes: 2, config: func(c config) {
				c["strategy"].(config)["drain"].(config)["classes"] = []config{{"name": "websocket", "backend": "*-ws", "timeout": "3s", "on_timeout": onTimeout}}
			}})
			s.needsStandIn()
			load := s.traffic()
			var sockets []*webSocket
			for i := range 6 {
				sockets = append(sockets, s.openSocket(s.fronts[i%2]))
			}
			run := s.begin("apply", "--yes", "--report", "report.json")
			s.await(time.Minute, "the drain", func() bool { return drains(s.journal(), s.fleet[0]) })
			for i, socket := range sockets {
				if err := socket.echo("hello"); err != nil {
					t.Errorf("socket %d in the drain: %v", i, err)
				}
			}
			got := s.finish(run)
			load.end()
			made := s.report()
			if got.code != want || made.Probe.Lost != 0 {
				t.Errorf("exit %d", got.code)
			}
			if want == 0 {
				if made.Cut != len(sockets) || !strings.Contains(got.stdout, "6 connections in flight were cut") {
					t.Errorf("%d cut", made.Cut)
				}
				return
			}
			if !strings.Contains(got.stdout, "websocket (lb-") || made.Cut != 0 {
				t.Errorf("%d cut", made.Cut)
			}
			for i, socket := range sockets {
				if err := socket.echo("again"); err != nil {
					t.Errorf("socket %d afterwards: %v", i, err)
				}
			}
		})
	}
}
