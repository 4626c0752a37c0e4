package consul

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
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
