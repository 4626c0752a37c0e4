package probe_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover/probe"
)

// run warms a probe up against a server, then lets it run until the server has had some more requests.
func run(t *testing.T, handler http.HandlerFunc, request probe.Request) probe.Summary {
	t.Helper()
	var served atomic.Int64
	enough := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if served.Add(1) == 60 {
			close(enough)
		}
		handler(w, r)
	}))
	defer server.Close()
	request.URL = server.URL + request.URL
	request.Rate = 200
	p := probe.Start(t.Context(), probe.Options{
		Requests: []probe.Request{request}, VersionHeader: "X-Version",
		Timeout: 2 * time.Second, Step: func() string { return "step 5" },
	})
	if err := p.WarmUp(t.Context(), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	p.Begin()
	begun.Store(true)
	defer begun.Store(false)
	<-enough
	return p.Stop()
}

var begun atomic.Bool // the cutover, as the handlers below see it

func TestEveryRequestIsAccountedFor(t *testing.T) {
	var served atomic.Int64
	got := run(t, func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		w.Header().Set("X-Version", "10.15")
	}, probe.Request{Method: "GET"})
	if got.Lost != 0 || got.Requests != served.Load() || got.Versions["10.15"] != got.Requests {
		t.Errorf("served %d, got %+v", served.Load(), got)
	}
	if got.During.P99 <= 0 || got.During.Max < got.During.P50 || got.Before.P50 <= 0 {
		t.Errorf("latency: %+v, %+v", got.Before, got.During)
	}
}

func TestLosses(t *testing.T) {
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		expect  int
		why     string
	}{
		"bad gateway":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, 0, "status 502"},
		"a new status":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, 0, "which the warm-up did not see"},
		"not as expected":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) }, 200, "expected 200"},
		"no answer":         {hangUp, 0, "EOF"},
		"answer breaks off": {breakOff, 0, "broke off"},
	} {
		t.Run(name, func(t *testing.T) {
			var failed atomic.Int64
			got := run(t, func(w http.ResponseWriter, r *http.Request) {
				if begun.Load() {
					failed.Add(1)
					test.handler(w, r)
				}
			}, probe.Request{Method: "POST", Body: "x", Expect: test.expect})
			if got.Lost == 0 || got.Lost != failed.Load() {
				t.Fatalf("%d failed, %d counted as lost", failed.Load(), got.Lost)
			}
			if loss := got.Losses[0]; !strings.Contains(loss.Why, test.why) || loss.Step != "step 5" {
				t.Errorf("loss: %+v", loss)
			}
		})
	}
}

// The client of the standard library sends a GET again when a kept-alive connection was closed under it.
func TestSilentRetryIsALoss(t *testing.T) {
	got := run(t, func(w http.ResponseWriter, r *http.Request) {
		if begun.Load() {
			hangUp(w, r)
		}
	}, probe.Request{Method: "GET"})
	if got.Lost == 0 {
		t.Errorf("nothing lost: %+v", got)
	}
}

// Where idle connections are closed at will a request that meets that is sent again; a front door that answers nobody
// still loses it.
func TestRequestsThatAreSentAgain(t *testing.T) {
	for name, test := range map[string]struct {
		closes func(connection int) bool
		lost   bool
	}{"one connection": {func(c int) bool { return c == 1 }, false}, "all of them": {func(int) bool { return true }, true}} {
		t.Run(name, func(t *testing.T) {
			var begun atomic.Bool
			var connections atomic.Int32
			type key struct{}
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n, _ := r.Context().Value(key{}).(int32); begun.Load() && test.closes(int(n)) {
					hangUp(w, r)
				}
			}))
			server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
				return context.WithValue(ctx, key{}, connections.Add(1))
			}
			server.Start()
			defer server.Close()
			p := probe.Start(t.Context(), probe.Options{Requests: []probe.Request{{Method: "GET", URL: server.URL, Rate: 20}}, Timeout: 2 * time.Second, Resend: true})
			if err := p.WarmUp(t.Context(), 200*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			p.Begin()
			begun.Store(true)
			for deadline := time.After(10 * time.Second); p.Summary().Resent == 0 && p.Summary().Lost == 0; {
				select {
				case <-deadline:
					t.Fatal("nothing met the end of its connection")
				case <-time.After(10 * time.Millisecond):
				}
			}
			got := p.Stop()
			if (got.Lost > 0) != test.lost || (got.Resent > 0) == test.lost {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestWarmUpRefusesABadFrontDoor(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }))
	defer server.Close()
	p := probe.Start(t.Context(), probe.Options{Requests: []probe.Request{{Method: "GET", URL: server.URL, Rate: 50}}, Timeout: 200 * time.Millisecond})
	defer p.Stop()
	if err := p.WarmUp(t.Context(), 50*time.Millisecond); err == nil || !strings.Contains(err.Error(), server.URL) {
		t.Errorf("got %v", err)
	}
}

func hangUp(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		connection.Close()
	}
}

func breakOff(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "100")
	w.Write([]byte("half"))
	w.(http.Flusher).Flush()
	hangUp(w, r)
}
