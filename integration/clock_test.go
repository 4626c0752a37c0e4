//go:build integration

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// The clock of a machine is set back in the middle of a rollout: what is started from then on seems to have been started long
// before it was asked to quiesce and to stop.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2})
	clock := s.newClock()
	s.config["hosts"] = []config{{"name": "clocked", "docker": clock.address, "consul": s.config["consul"].(config)["address"]}}
	s.writeConfig()
	s.part("an hour back, and the rollout goes back", func() {
		before := s.ids()
		load := s.traffic()
		run := s.begin("apply", "--yes")
		s.await(time.Minute, "the first stop", func() bool { return inFlight(s.journal(), cutover.Container, s.fleet[0]) })
		clock.set(-time.Hour)
		s.must(run.Process.Signal(syscall.SIGTERM))
		if got := s.finish(run); got.code != 2 {
			s.Errorf("exit %d", got.code)
		}
		load.end()
		s.isOld(before)
		if clock.changed() == 0 {
			s.Error("no container that was started since was looked at")
		}
	})
	s.part("another hour back, and the rollout is killed and taken back by another process", func() {
		before := s.ids()
		load := s.traffic()
		run := s.begin("apply", "--yes")
		s.await(time.Minute, "the first stop", func() bool { return inFlight(s.journal(), cutover.Container, s.fleet[0]) })
		clock.set(-2 * time.Hour)
		s.must(run.Process.Kill())
		s.finish(run)
		if got := s.cutover("rollback", "--yes"); got.code != 0 {
			s.Errorf("rollback: exit %d", got.code)
		}
		load.end()
		s.isOld(before)
	})
}

// clock is a proxy in front of the engine, by whose answers its clock was set.
type clock struct {
	address string

	mu    sync.Mutex
	sets  []setting
	count int
}

// setting is when a clock was set, by the real one, and how far ahead of that.
type setting struct {
	at    time.Time
	ahead time.Duration
}

func (s *stack) newClock() *clock {
	s.Helper()
	c := &clock{}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	proxy.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", "/var/run/docker.sock")
	}}
	proxy.ModifyResponse = func(answer *http.Response) error {
		path := answer.Request.URL.Path
		if answer.StatusCode != http.StatusOK || !strings.Contains(path, "/containers/") || !strings.HasSuffix(path, "/json") || strings.HasSuffix(path, "/containers/json") {
			return nil
		}
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		text, err = c.tell(text)
		answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		answer.Header.Del("Content-Length")
		return err
	}
	server := httptest.NewServer(proxy)
	s.Cleanup(server.Close)
	c.address = "tcp://" + server.Listener.Addr().String()
	return c
}

// set makes everything that begins and ends from now on be dated as much ahead.
func (c *clock) set(ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sets, c.count = append(c.sets, setting{time.Now(), ahead}), 0
}

// changed is how often a date of since the clock was set has been told.
func (c *clock) changed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// tell changes what the engine says of a container.
func (c *clock) tell(inspected []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all map[string]json.RawMessage
	var state map[string]any
	if err := json.Unmarshal(inspected, &all); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(all["State"], &state); err != nil {
		return nil, err
	}
	for _, key := range []string{"StartedAt", "FinishedAt"} {
		text, _ := state[key].(string)
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			continue
		}
		for i := len(c.sets) - 1; i >= 0; i-- {
			if at.After(c.sets[i].at) {
				state[key] = at.Add(c.sets[i].ahead).Format(time.RFC3339Nano)
				if i == len(c.sets)-1 {
					c.count++
				}
				break
			}
		}
	}
	changed, err := json.Marshal(state)
	if err != nil {
		return nil, err
	}
	all["State"] = changed
	return json.Marshal(all)
}
