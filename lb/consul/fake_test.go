package consul

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

const token = "11111111-2222-3333-4444-555555555555"

// fakeAgent answers as a real Consul 1.21.0 agent with ACLs does; the texts are copied from it. It filters nothing,
// so Find may not rely on the filter alone.
type fakeAgent struct {
	mu       sync.Mutex
	services map[string]map[string]any
	checks   map[string]map[string]any
	forms    []string // the body of every registration
	requests []string
}

func serve(t *testing.T) (*fakeAgent, *httptest.Server) {
	t.Helper()
	f := &fakeAgent{services: map[string]map[string]any{}, checks: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v1/agent/service/register", f.register)
	mux.HandleFunc("PUT /v1/agent/service/deregister/{id}", f.deregister)
	mux.HandleFunc("PUT /v1/agent/service/maintenance/{id}", f.maintenance)
	mux.HandleFunc("GET /v1/agent/services", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(f.services) })
	mux.HandleFunc("GET /v1/agent/checks", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(f.checks) })
	mux.HandleFunc("GET /v1/agent/health/service/name/{name}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("name") == "hidden" {
			http.Error(w, `Permission denied: token with AccessorID '2280682a' lacks permission 'service:read' on "hidden"`, http.StatusForbidden)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "[]")
	})
	mux.HandleFunc("GET /v1/agent/self", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"Member":{"Addr":"10.0.0.9"}}`) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.requests = append(f.requests, r.Method+" "+r.URL.Path)
		if r.Header.Get("X-Consul-Token") != token {
			http.Error(w, "ACL not found", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return f, server
}

func (f *fakeAgent) register(w http.ResponseWriter, r *http.Request) {
	var form api.AgentServiceRegistration
	if err := json.NewDecoder(r.Body).Decode(&form); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	text, _ := json.Marshal(form)
	f.forms = append(f.forms, string(text))
	f.services[form.ID] = map[string]any{
		"ID": form.ID, "Service": form.Name, "Address": form.Address, "Port": form.Port,
		"Tags": form.Tags, "Meta": form.Meta, "Weights": form.Weights,
	}
	if r.URL.Query().Has("replace-existing-checks") {
		f.forget(form.ID)
	}
	for _, c := range form.Checks {
		kind := "http"
		if c.TTL != "" {
			kind = "ttl"
		}
		f.checks[c.CheckID] = checkJSON(form.ID, c.CheckID, kind, c.Status, "")
		if c.TCP != "" { // the agent's first check comes within the interval
			id, address := c.CheckID, c.TCP
			go f.dial(id, address)
		}
	}
}

func (f *fakeAgent) dial(id, address string) {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return
	}
	_ = conn.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	if c, ok := f.checks[id]; ok {
		c["Status"], c["Output"] = "passing", "TCP connect "+address+": Success"
	}
}

func checkJSON(serviceID, checkID, kind, status, output string) map[string]any {
	return map[string]any{"Node": "vm", "CheckID": checkID, "ServiceID": serviceID, "Type": kind, "Status": status, "Output": output, "Notes": "x"}
}

func (f *fakeAgent) forget(serviceID string) {
	for id, c := range f.checks {
		if c["ServiceID"] == serviceID {
			delete(f.checks, id)
		}
	}
}

func (f *fakeAgent) known(w http.ResponseWriter, id string) bool {
	if _, ok := f.services[id]; ok {
		return true
	}
	http.Error(w, fmt.Sprintf("Unknown service ID %q. Ensure that the service ID is passed, not the service name.", id), http.StatusNotFound)
	return false
}

func (f *fakeAgent) deregister(w http.ResponseWriter, r *http.Request) {
	if id := r.PathValue("id"); f.known(w, id) {
		delete(f.services, id)
		f.forget(id)
	}
}

func (f *fakeAgent) maintenance(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !f.known(w, id) {
		return
	}
	name := "_service_maintenance:" + id
	if strings.EqualFold(r.URL.Query().Get("enable"), "true") {
		f.checks[name] = checkJSON(id, name, "maintenance", "critical", "")
	} else {
		delete(f.checks, name)
	}
}

func agent(t *testing.T, address string) *Agent {
	t.Helper()
	a, err := New(Config{Address: address, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return a
}
