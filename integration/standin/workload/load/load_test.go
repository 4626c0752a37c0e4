package load

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func run(t *testing.T, cfg Config) Summary {
	t.Helper()
	if cfg.Duration == 0 {
		cfg.Duration = 200 * time.Millisecond
	}
	sum, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func server(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Version", "1")
	_, _ = io.Copy(w, r.Body)
}

func TestEveryRequestIsAccountedFor(t *testing.T) {
	var a, b atomic.Int64
	counting := func(n *atomic.Int64) string {
		return server(t, func(w http.ResponseWriter, r *http.Request) { n.Add(1); echo(w, r) })
	}
	sum := run(t, Config{URLs: []string{counting(&a), counting(&b)}, Rate: 500})
	if got := int(a.Load() + b.Load()); sum.Requests != got || sum.Lost != 0 || sum.ByStatus["200"] != got || sum.Versions["1"] != got {
		t.Fatalf("%d served, %+v", got, sum)
	}
	if a.Load() == 0 || b.Load() == 0 || sum.Slow == 0 {
		t.Fatalf("%d and %d, %d slow", a.Load(), b.Load(), sum.Slow)
	}
	if sum.P50MS <= 0 || sum.P99MS < sum.P50MS || sum.MaxMS < sum.P99MS {
		t.Fatalf("%+v", sum)
	}
}

func TestLosses(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		status  string
		says    string
	}{
		"502":             {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, "502", "status 502"},
		"not the echo":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("?")) }, "200", "not the request's"},
		"broken response": {brokenResponse, "none", "broke off"},
		"no response":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "none", "EOF"},
		"too late":        {never, "none", "no complete response within"},
	} {
		t.Run(name, func(t *testing.T) {
			var told atomic.Int64
			url := server(t, c.handler)
			sum := run(t, Config{
				URLs: []string{url}, ResetsAt: []string{url}, Rate: 50, Timeout: 100 * time.Millisecond,
				Requests: []Request{{Method: "POST", Path: "/", Body: "x", Weight: 1, Echo: true}},
				OnLoss:   func(Loss) { told.Add(1) },
			})
			if sum.Requests == 0 || sum.Lost != sum.Requests || sum.ByStatus[c.status] != sum.Requests || int(told.Load()) != sum.Lost {
				t.Fatalf("%+v", sum)
			}
			if got := sum.FirstLosses[0]; !strings.Contains(got.Error, c.says) || got.At.IsZero() {
				t.Fatalf("%+v", got)
			}
		})
	}
}

// never reads the body first: until then the server cannot see the client go.
func never(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func brokenResponse(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "10")
	_, _ = w.Write([]byte("half"))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// A server that closes every connection on its second request, before it has
// answered: net/http would hide that from the caller.
func TestASilentRetryIsALoss(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				buffer := make([]byte, 4096)
				if _, err := conn.Read(buffer); err != nil {
					return
				}
				_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
				_, _ = conn.Read(buffer)
			}()
		}
	}()
	url := "http://" + listener.Addr().String()
	for name, request := range map[string]Request{
		"retried by net/http": {Method: http.MethodGet, Path: "/", Weight: 1}, "not retried": {Method: http.MethodPost, Path: "/", Body: "x", Weight: 1},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{URLs: []string{url}, Rate: 20, Requests: []Request{request}}
			if sum := run(t, cfg); sum.Lost == 0 || sum.Resets != 0 || (request.Body == "" && sum.FirstLosses[0].Error != errRetried.Error()) {
				t.Errorf("%+v", sum)
			}
			cfg.ResetsAt = cfg.URLs
			if sum := run(t, cfg); sum.Lost != 0 || sum.Resets == 0 || sum.Resets+sum.ByStatus["200"] != sum.Requests {
				t.Errorf("expected there: %+v", sum)
			}
		})
	}
}

func TestTheStreamDoesNotWaitForAnswers(t *testing.T) {
	release := make(chan struct{})
	seen := make(chan struct{}, 1000)
	url := server(t, func(http.ResponseWriter, *http.Request) { seen <- struct{}{}; <-release })
	ctx, cancel := context.WithCancel(t.Context())
	r, err := New(Config{URLs: []string{url}, Rate: 200})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan Summary)
	go func() { done <- r.Run(ctx) }()
	deadline := time.After(10 * time.Second)
	for n := range 20 {
		select {
		case <-seen:
		case <-deadline:
			t.Fatalf("%d of 20 requests in 10s", n)
		}
	}
	cancel()
	if r.Snapshot().Requests != 0 {
		t.Fatal("counted before it was answered")
	}
	close(release)
	if sum := <-done; sum.Requests < 20 || sum.ByStatus["200"] != sum.Requests {
		t.Fatalf("the end of the context cut something off: %+v", sum)
	}
}

func TestInterleave(t *testing.T) {
	turn := interleave(GatewayMix())
	counts := map[string]int{}
	for _, request := range turn {
		counts[request.Path]++
	}
	if len(turn) != 100 || counts["/gateway/billing"] != 30 || counts["/gateway/reports?sleep=3s"] != 2 {
		t.Fatalf("%d %v", len(turn), counts)
	}
	if _, err := New(Config{URLs: []string{"x"}, Requests: []Request{{Method: "GET"}}}); err == nil {
		t.Fatal("weights of 0 are accepted")
	}
}
