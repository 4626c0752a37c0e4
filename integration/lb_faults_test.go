//go:build integration

package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// Reloads one upon the other while a node is drained, with a pool of idle clients at both load balancers: none of them
// loses the next request that it makes, which is the last one on its connection, and so they do not hold the drain up.
func TestHAProxyReloadsInADrain(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2})
	load := s.traffic()
	var pool []*keptAlive
	for i := range 200 {
		pool = append(pool, s.keepAlive(s.fronts[i%2]))
	}
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	for range 10 {
		for _, lb := range []string{"lb-1", "lb-2"} {
			s.reload(lb)
		}
	}
	for i, client := range pool {
		if err := client.get(); err != nil {
			t.Errorf("idle client %d: %v", i, err)
		}
	}
	got := s.finish(run)
	load.end()
	if got.code != 0 || s.report().Probe.Lost != 0 {
		t.Errorf("exit %d", got.code)
	}
	s.isNew(s.report().Rollout)
}

// A Consul or a load balancer that does not answer for a while delays a cutover and does not end it; what comes to the load
// balancer meanwhile waits.
func TestSilenceForAWhile(t *testing.T) {
	t.Parallel()
	for _, silent := range []string{"consul", "lb-2"} {
		t.Run(silent, func(t *testing.T) {
			s := newStack(t, options{nodes: 1})
			load := s.traffic()
			run := s.begin("apply", "--yes", "--report", "report.json", "--metrics", "cutover.prom")
			s.await(time.Minute, "the join", func() bool {
				return inFlight(s.journal(), cutover.Member, s.fleet[0]+"."+s.journal().Plan.Spec.Rollout)
			})
			s.must(s.engine.ContainerPause(t.Context(), s.name+"-"+silent))
			s.await(time.Minute, "a request that fails", func() bool { return strings.Contains(run.stdout.String(), "failed: no answer within") })
			s.must(s.engine.ContainerUnpause(t.Context(), s.name+"-"+silent))
			got := s.finish(run)
			load.end()
			if got.code != 0 || s.report().Probe.Lost != 0 {
				t.Errorf("exit %d", got.code)
			}
			s.isNew(s.report().Rollout)
			metrics, err := os.ReadFile(filepath.Join(s.folder, "cutover.prom"))
			if err != nil || !strings.Contains(string(metrics), `cutover_last_run_exit_code{service="api-gateway"} 0`) {
				t.Errorf("metrics: %v\n%s", err, metrics)
			}
		})
	}
}

// reload tells a load balancer's master to reload, as often as it takes until it does: it does not answer while it
// starts workers.
func (s *stack) reload(lb string) {
	s.Helper()
	s.await(20*time.Second, lb+" to reload", func() bool {
		conn, err := net.DialTimeout("tcp", s.ports[lb+":9998"], time.Second)
		if err != nil {
			return false
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
			return false
		}
		if _, err := io.WriteString(conn, "show proc;reload\n"); err != nil {
			return false
		}
		answer, _ := io.ReadAll(conn) // it ends with the reload
		return strings.Contains(string(answer), "worker")
	})
}

// keptAlive is a client with a connection that it keeps.
type keptAlive struct {
	net.Conn
	from *bufio.Reader
	last bool // the server closes it after the answer that came
}

// keepAlive makes a first request. The connection is closed with the test.
func (s *stack) keepAlive(front string) *keptAlive {
	s.Helper()
	client, err := dialKept(front)
	s.must(err)
	s.Cleanup(func() { client.Close() })
	s.must(client.get())
	s.asked++
	return client
}

func dialKept(front string) (*keptAlive, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(front, "http://"))
	if err != nil {
		return nil, err
	}
	return &keptAlive{Conn: conn, from: bufio.NewReader(conn)}, nil
}

// again makes a request on the connection that it has, or on a new one if the last answer ended that.
func (c *keptAlive) again(front string) (*keptAlive, error) {
	if c.last {
		c.Close()
		var err error
		if c, err = dialKept(front); err != nil {
			return nil, err
		}
	}
	return c, c.get()
}

// get makes a request on the connection that it has.
func (c *keptAlive) get() error {
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, "GET /gateway/hello HTTP/1.1\r\nHost: front\r\n\r\n"); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.from, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", answer.Status)
	}
	c.last = answer.Close
	return nil
}
