package consul

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The first answer is where things stand; each later one with another index is a change. A failure is no change, and
// the watch begins anew.
func TestWatch(t *testing.T) {
	answers := []string{"5", "5", "6", "error", "7", "8", "3", "4"}
	var mu sync.Mutex
	var asked []string
	ctx, stop := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Query().Get("index"))
		n := len(asked)
		mu.Unlock()
		if n > len(answers) {
			stop()
			return
		}
		if answers[n-1] == "error" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("X-Consul-Index", answers[n-1])
		_, _ = w.Write([]byte("[]"))
	}))
	defer server.Close()
	agent, err := New(Config{Address: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	changes, ended := 0, make(chan struct{})
	go func() {
		defer close(ended)
		agent.Watch(ctx, "gw", func() { changes++ })
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
	if want := []string{"", "5", "5", "6", "", "7", "8", "", "4"}; changes != 3 || !slices.Equal(asked, want) {
		t.Errorf("%d changes, want 3; asked from %q, want %q", changes, asked, want)
	}
}

// A canary never passes, and goes by itself; it is heard of when an answer has it.
func TestCanary(t *testing.T) {
	var mu sync.Mutex
	var body string
	var asked []string
	answers := []string{"[]", "[]", `[{"Service":{"ID":"cutover-canary-a1b2"}}]`}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPut {
			text, _ := io.ReadAll(r.Body)
			body = string(text)
			return
		}
		asked = append(asked, r.URL.Path+"?"+r.URL.Query().Get("index"))
		w.Header().Set("X-Consul-Index", strconv.Itoa(4+len(asked)))
		_, _ = io.WriteString(w, answers[min(len(asked), len(answers))-1])
	}))
	defer server.Close()
	a := agent(t, server.URL)
	if err := a.Announce(t.Context(), "cutover-canary-a1b2", netip.MustParseAddrPort("192.0.2.1:1024")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"Name":"cutover-canary"`, `"Address":"192.0.2.1"`, `"Status":"critical"`, `"DeregisterCriticalServiceAfter":"1m"`} {
		if !strings.Contains(body, want) {
			t.Errorf("%s lacks %s", body, want)
		}
	}
	if err := a.Heard(t.Context(), "cutover-canary-a1b2", true); err != nil {
		t.Fatal(err)
	}
	const path = "/v1/health/service/cutover-canary?"
	if want := []string{path, path + "5", path + "6"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Heard(ctx, "cutover-canary-a1b2", false); err == nil {
		t.Error("it does not end with its context")
	}
}
