package driver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/driver"
	"github.com/cutover/cutover/integration/standin/datastore/store"
	"github.com/cutover/cutover/integration/standin/gateway/node"
)

const password = "s3cret-manage"

// town is a fleet of stand-ins on one data store, as an engine would keep its containers: they can be located, and be
// given a new life on the same ports. What a driver is told of them beyond that is set by the test.
type town struct {
	*testing.T
	data   *store.Store
	url    string
	houses map[string]*house

	facts        driver.Facts
	planned      bool                         // there is a plan: facts and peers are known
	hashes       map[string]map[string]string // by container and path
	now, next    map[string]string            // environments
	keptDown     []string
	quiesceBegan cutover.Moment
}

// house is one stand-in.
type house struct {
	*testing.T
	name    string
	home    string
	address string // its own, so that every house has the usual ports
	env     map[string]string

	mu        sync.Mutex
	node      *node.Node
	exit      node.Exit
	ended     chan struct{}
	cut       context.CancelFunc // ends it abruptly
	startedAt time.Time
	quiesced  cutover.Moment // when the runner's journal says that it may have been asked to
}

func newTown(t *testing.T) *town {
	t.Helper()
	data := store.New(nil)
	server := httptest.NewServer(data)
	t.Cleanup(server.Close)
	return &town{T: t, data: data, url: server.URL, houses: map[string]*house{}, hashes: map[string]map[string]string{}}
}

// add starts a stand-in with these variables beside the usual ones.
func (w *town) add(name string, env map[string]string) *house {
	w.Helper()
	n := addresses.Add(1)
	h := &house{T: w.T, name: name, home: w.TempDir(), address: fmt.Sprintf("127.2.%d.%d", n/250, n%250+1)}
	h.env = map[string]string{
		"GATEWAY_NODE": name, "DATASTORE": w.url, "GATEWAY_HOST": h.address, "HOME_IS": h.home,
		"GATEWAY_PASSWORD": password, "GATEWAY_START": "10ms", "GATEWAY_ENGINE_DELAY": "10ms",
		"GATEWAY_QUIESCE_TIME": "300ms", "GATEWAY_STOP_TIME": "1ms", "SCHEDULER_NAME": name,
	}
	maps.Copy(h.env, env)
	for _, name := range []string{"WmRoot", "WmPublic", "WmAPIGateway", "WmAdmin"} {
		if err := os.MkdirAll(filepath.Join(h.home, "packages", name), 0o755); err != nil {
			w.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(h.home, "packages", name, "manifest.v3"), []byte("<Values/>"), 0o600); err != nil {
			w.Fatal(err)
		}
	}
	w.houses[name] = h
	h.start()
	w.Cleanup(func() { h.cut(); <-h.ended })
	return h
}

var addresses atomic.Int64

// newHouse is a town with one stand-in that has these faults.
func newHouse(t *testing.T, faults string) (*town, *house) {
	t.Helper()
	w := newTown(t)
	return w, w.add("gw-1", map[string]string{"GATEWAY_FAULT": faults})
}

func (h *house) start() {
	cfg, err := node.FromEnv(func(key string) string { return h.env[key] })
	if err != nil {
		h.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.node, h.ended, h.startedAt = node.New(cfg), make(chan struct{}), time.Now()
	var ctx context.Context
	ctx, h.cut = context.WithCancel(context.Background())
	go func(n *node.Node, ended chan struct{}) {
		defer close(ended)
		exit, _ := n.Run(ctx)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.exit = exit
	}(h.node, h.ended)
}

// kill ends the node, as a stop signal would.
func (h *house) kill() {
	h.mu.Lock()
	n, ended := h.node, h.ended
	h.mu.Unlock()
	n.Terminate()
	<-ended
}

// setFaults changes the faults of the node while it runs.
func (h *house) setFaults(faults string) {
	h.Helper()
	request, err := http.NewRequestWithContext(h.Context(), http.MethodPut, "http://"+h.address+":9999/standin/faults", strings.NewReader(faults))
	if err != nil {
		h.Fatal(err)
	}
	request.SetBasicAuth("Administrator", password)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		h.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		h.Fatalf("set the faults to %q: %s", faults, response.Status)
	}
}

func (h *house) running() bool {
	select {
	case <-h.ended:
		return false
	default:
		return true
	}
}

// place is where the house is, as an engine tells it.
func (h *house) place() cutover.Place {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.running() {
		return cutover.Place{ID: h.name, ExitCode: h.exit.Code}
	}
	return cutover.Place{ID: h.name, Running: true, StartedAt: h.startedAt, Life: h.startedAt.String(), Address: h.address}
}

// journal notes, as the runner's journal does, that a request to quiesce is about to be made.
func (h *house) journal() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.quiesced = cutover.Moment{At: time.Now(), Life: h.startedAt.String()}
}

// containers is the town as a driver sees it.
func (w *town) containers() driver.Containers {
	return driver.Containers{
		Locate: func(_ context.Context, target string) (cutover.Place, error) {
			h, ok := w.houses[target]
			if !ok {
				return cutover.Place{}, fmt.Errorf("no container is called %s", target)
			}
			return h.place(), nil
		},
		Restart: func(_ context.Context, target string, since cutover.Moment) error {
			h := w.houses[target]
			if place := h.place(); !place.Running || !since.Before(place) {
				h.kill()
				h.start()
			}
			return nil
		},
		KeepDown: func(_ context.Context, target string) error {
			w.keptDown = append(w.keptDown, target)
			return nil
		},
		QuiescedAt: func(target string) cutover.Moment {
			h := w.houses[target]
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.quiesced
		},
		KeepUp:       func(context.Context, string) error { return nil },
		QuiesceBegan: func(string) cutover.Moment { return w.quiesceBegan },
		Facts:        func(string) (driver.Facts, bool) { return w.facts, w.planned },
		Old: func(target string) string {
			if !w.planned || !isNew(target) {
				return ""
			}
			return strings.TrimSuffix(target, filepath.Ext(target))
		},
		Peers: func(target string) []driver.Peer {
			var peers []driver.Peer
			for _, name := range slices.Sorted(maps.Keys(w.houses)) {
				if w.planned && name != target {
					peers = append(peers, driver.Peer{Name: name, New: isNew(name)})
				}
			}
			return peers
		},
		Hashes: func(_ context.Context, target string, paths []string) (map[string]string, error) {
			found := map[string]string{}
			for _, path := range paths {
				if hash, ok := w.hashes[target][path]; ok {
					found[path] = hash
				}
			}
			return found, nil
		},
		Environment: func(context.Context, string) (now, next map[string]string, err error) { return w.now, w.next, nil },
	}
}

// isNew reports whether a name is that of a container which a rollout made.
func isNew(name string) bool { return filepath.Ext(name) != "" }

// enqueue puts n messages into a queue of the data store.
func (w *town) enqueue(queue string, n int) {
	w.Helper()
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s-%d", queue, i+1))
	}
	body, err := json.Marshal(map[string]any{"ids": ids})
	if err != nil {
		w.Fatal(err)
	}
	response, err := http.Post(w.url+"/queues/"+queue, "application/json", bytes.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	response.Body.Close()
}

// queue is what became of the messages.
func (w *town) queue(name string) store.Queue {
	w.Helper()
	var q store.Queue
	response, err := http.Get(w.url + "/queues/" + name)
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&q); err != nil {
		w.Fatal(err)
	}
	return q
}

// server is what every driver needs to reach the stand-ins in a town.
func (w *town) server() driver.Server {
	return driver.Server{User: "Administrator", Password: password, Containers: w.containers()}
}

// await polls for up to ten seconds.
func await(t *testing.T, what string, seen func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !seen(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not seen: %s", what)
		}
	}
}

// ready polls until a driver finds a house ready, can't tell, or says one of these things.
func (h *house) ready(d driver.Driver, until ...string) (ok bool, detail string, err error) {
	h.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		ok, detail, err = d.Ready(h.Context(), h.name, h.place())
		if ok || err != nil || slices.ContainsFunc(until, func(said string) bool { return strings.Contains(detail, said) }) {
			break
		}
	}
	return ok, detail, err
}

// mustBeReady fails the test when it does not become ready.
func (h *house) mustBeReady(d driver.Driver) string {
	h.Helper()
	ok, detail, err := h.ready(d)
	if !ok {
		h.Fatalf("%s is not ready: %s, %v", h.name, detail, err)
	}
	return detail
}
