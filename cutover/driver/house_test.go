package driver_test

import (
	"context"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/driver"
	"github.com/cutover/cutover/integration/standin/datastore/store"
	"github.com/cutover/cutover/integration/standin/gateway/node"
)

// house keeps one stand-in gateway as an engine would keep its container: it can be located, and be given a new
// life on the same ports.
type house struct {
	*testing.T
	faults string
	home   string
	data   string
	ports  map[int]int // container port to the real one

	mu        sync.Mutex
	node      *node.Node
	ended     chan struct{}
	startedAt time.Time
	quiesced  time.Time // when the runner's journal says that it may have been asked to
}

const password = "s3cret-manage"

func newHouse(t *testing.T, faults string) *house {
	t.Helper()
	data := httptest.NewServer(store.New(nil))
	t.Cleanup(data.Close)
	h := &house{
		T: t, faults: faults, home: t.TempDir(), data: data.URL,
		ports: map[int]int{5555: freePort(t), 9999: freePort(t), 4444: freePort(t)},
	}
	for _, name := range []string{"WmRoot", "WmPublic", "WmAPIGateway"} {
		if err := os.MkdirAll(filepath.Join(h.home, "packages", name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(h.home, "packages", name, "manifest.v3"), []byte("<Values/>"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.start()
	t.Cleanup(h.kill)
	return h
}

func (h *house) start() {
	cfg, err := node.FromEnv(func(key string) string {
		return map[string]string{
			"GATEWAY_NODE": "gw-1", "HOME_IS": h.home, "DATASTORE": h.data, "GATEWAY_HOST": "127.0.0.1",
			"GATEWAY_PASSWORD": password, "GATEWAY_START": "10ms", "GATEWAY_ENGINE_DELAY": "10ms",
			"GATEWAY_QUIESCE_TIME": "300ms", "GATEWAY_STOP_TIME": "1ms", "GATEWAY_FAULT": h.faults,
		}[key]
	})
	if err != nil {
		h.Fatal(err)
	}
	cfg.AdminPort, cfg.DiagnosticPort = h.ports[5555], h.ports[9999]
	h.mu.Lock()
	defer h.mu.Unlock()
	h.node, h.ended, h.startedAt = node.New(cfg), make(chan struct{}), time.Now()
	go func(n *node.Node, ended chan struct{}) {
		defer close(ended)
		n.Run(context.Background())
	}(h.node, h.ended)
}

// kill ends the node, as a crash of its host would.
func (h *house) kill() {
	h.mu.Lock()
	n, ended := h.node, h.ended
	h.mu.Unlock()
	n.Terminate()
	<-ended
}

func (h *house) running() bool {
	select {
	case <-h.ended:
		return false
	default:
		return true
	}
}

// containers is the house as a driver sees it.
func (h *house) containers() driver.Containers {
	return driver.Containers{
		Locate: func(context.Context, string) (cutover.Place, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if !h.running() {
				return cutover.Place{ID: "1"}, nil
			}
			return h.placeLocked(), nil
		},
		Restart: func(_ context.Context, _ string, since time.Time) error {
			h.mu.Lock()
			again := h.startedAt.After(since) && h.running()
			h.mu.Unlock()
			if !again {
				h.kill()
				h.start()
			}
			return nil
		},
		QuiescedAt: func(string) time.Time {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.quiesced
		},
	}
}

func (h *house) place() cutover.Place {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.placeLocked()
}

func (h *house) placeLocked() cutover.Place {
	return cutover.Place{ID: "1", Running: true, StartedAt: h.startedAt, Address: "127.0.0.1", Published: h.ports}
}

// journal notes, as the runner's journal does, that a request to quiesce is about to be made.
func (h *house) journal() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.quiesced = time.Now()
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
