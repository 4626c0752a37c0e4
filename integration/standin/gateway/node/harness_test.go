package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/integration/standin/datastore/store"
)

// rig is one node in this process with a data store of its own.
type rig struct {
	t          *testing.T
	node       *Node
	cfg        Config
	store      *httptest.Server
	admin      string
	diagnostic string
	exit       chan Exit
}

func start(t *testing.T, faults string, change func(*Config)) *rig {
	t.Helper()
	return startWith(t, map[string]string{"GATEWAY_FAULT": faults}, change)
}

// startWith starts a node with more environment variables. DATASTORE=- means none.
func startWith(t *testing.T, more map[string]string, change func(*Config)) *rig {
	t.Helper()
	data := httptest.NewServer(store.New(nil))
	t.Cleanup(data.Close)
	home := t.TempDir()
	for _, name := range []string{"WmRoot", "WmPublic", "WmAPIGateway"} {
		write(t, filepath.Join(home, "packages", name, "manifest.v3"))
	}
	write(t, filepath.Join(home, "config", "server.cnf"))
	environment := map[string]string{
		"GATEWAY_NODE": "node-a", "GATEWAY_VERSION": "10.15.0.17", "HOME_IS": home, "DATASTORE": data.URL,
		"GATEWAY_START": "1ms", "GATEWAY_ENGINE_DELAY": "1ms", "GATEWAY_QUIESCE_TIME": "20ms",
		"GATEWAY_STOP_TIME": "1ms", "GATEWAY_HOST": "127.0.0.1",
	}
	maps.Copy(environment, more)
	cfg, err := FromEnv(func(key string) string { return environment[key] })
	if err != nil {
		t.Fatal(err)
	}
	if cfg.DataStore == "-" {
		cfg.DataStore = ""
	}
	cfg.AdminPort, cfg.DiagnosticPort = 0, 0
	cfg.Logf = t.Logf
	if change != nil {
		change(&cfg)
	}
	return run(t, cfg, data)
}

// run starts a node with this configuration.
func run(t *testing.T, cfg Config, data *httptest.Server) *rig {
	t.Helper()
	r := &rig{t: t, node: New(cfg), cfg: cfg, store: data, exit: make(chan Exit, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		exit, _ := r.node.Run(ctx)
		r.exit <- exit
	}()
	t.Cleanup(func() { cancel(); <-ended })
	var err error
	if r.admin, err = r.node.URL(t.Context(), "DefaultPrimary"); err != nil {
		t.Fatal(err)
	}
	if r.diagnostic, err = r.node.URL(t.Context(), diagnosticAlias); err != nil {
		t.Fatal(err)
	}
	return r
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("<Values/>"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// call returns 0 when nobody answers.
func (r *rig) call(method, url, body string, into any) int {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.SetBasicAuth("Administrator", "manage")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0
	}
	if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			r.t.Fatalf("%s %s: %v in %q", method, url, err, raw)
		}
	}
	return resp.StatusCode
}

// until polls what is awaited for at most 10 s.
func (r *rig) until(awaited string, seen func() bool) {
	r.t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !seen() {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("not seen within 10s: %s", awaited)
		}
	}
}

// invoke calls a service on the diagnostic port, which answers in any mode.
func (r *rig) invoke(service, body string, into any) int {
	r.t.Helper()
	return r.call("POST", r.diagnostic+"/invoke/"+service, body, into)
}

func (r *rig) untilReady() {
	r.t.Helper()
	r.until("health and engine 200, and clustered", func() bool {
		var cluster struct{ CurrentlyClustered bool }
		return r.call("GET", r.admin+"/rest/apigateway/health", "", nil) == 200 &&
			r.call("GET", r.admin+"/rest/apigateway/health/engine", "", nil) == 200 &&
			r.call("GET", r.admin+"/rest/apigateway/is/cluster", "", &cluster) == 200 && cluster.CurrentlyClustered
	})
}

// quiescePort creates, enables and sets a quiesce port, and returns its URL.
func (r *rig) quiescePort() string {
	r.t.Helper()
	port := freePort(r.t)
	key := fmt.Sprintf(`{"listenerKey":"HTTPListener@%d","pkg":"WmRoot","requestServiceStatus":""}`, port)
	body := fmt.Sprintf(`{"factoryKey":"webMethods/HTTP","pkg":"WmRoot","port":"%d","portAlias":"QuiescePort"}`, port)
	if code := r.call("POST", r.admin+"/rest/apigateway/ports", body, nil); code != 201 {
		r.t.Fatalf("create port: %d", code)
	}
	if code := r.call("PUT", r.admin+"/rest/apigateway/ports/enable", key, nil); code != 200 {
		r.t.Fatalf("enable port: %d", code)
	}
	var set struct{ Status string }
	if code := r.call("PUT", r.admin+"/invoke/wm.server.quiesce/setQuiescePort", `{"portAlias":"QuiescePort"}`, &set); code != 200 || set.Status != "true" {
		r.t.Fatalf("set port: %d %v", code, set)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

func freePort(t *testing.T) int {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	var port int
	if _, err := fmt.Sscanf(s.URL, "http://127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	return port
}

func (r *rig) totals() store.Totals {
	var out store.Totals
	r.call("GET", r.store.URL+"/totals", "", &out)
	return out
}

func (r *rig) mode() string {
	var out struct{ Mode string }
	r.call("GET", r.diagnostic+"/invoke/wm.server.quiesce/getCurrentMode", "", &out)
	return out.Mode
}

func newServer(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}
