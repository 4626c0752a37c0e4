// Package load sends an open-loop stream of requests and accounts for each one.
// Open loop: a request starts when its time has come, whether or not the ones
// before it have been answered, and its latency counts from that time, so that
// a stalled server cannot slow the measurement down with it.
package load

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Request is one kind of request in the mix.
type Request struct {
	Method string
	Path   string // appended to a base URL
	Body   string
	Weight int  // its share of the stream
	Echo   bool // the response must be Body
	Slow   bool // left out of the latency figures of quick requests
}

// Config says what is sent. Only URLs is required.
type Config struct {
	URLs     []string      // base URLs, used in turn
	Rate     float64       // requests per second over all URLs; default 200
	Requests []Request     // default: GatewayMix()
	Duration time.Duration // 0: until the context ends
	Timeout  time.Duration // for one request; default 30s
	Expect   int           // the status that is no loss; default 200
	Version  string        // response header that names the version; default X-Version
	ResetsAt []string      // those of URLs that close idle connections at will: a request that meets that is no loss
	OnLoss   func(Loss)    // called for each loss as it is seen, from any goroutine
}

// GatewayMix is the mix for the gateway stand-in: keep-alive GETs and POSTs, and
// two percent of requests that take 3 s.
func GatewayMix() []Request {
	return []Request{
		{Method: http.MethodGet, Path: "/gateway/orders/7", Weight: 68},
		{Method: http.MethodPost, Path: "/gateway/billing", Body: `{"amount": 12, "currency": "EUR"}`, Weight: 30, Echo: true},
		{Method: http.MethodGet, Path: "/gateway/reports?sleep=3s", Weight: 2, Slow: true},
	}
}

// HTTPBinMix is the same mix for go-httpbin.
func HTTPBinMix() []Request {
	return []Request{
		{Method: http.MethodGet, Path: "/get", Weight: 68},
		{Method: http.MethodPost, Path: "/post", Body: `{"amount": 12, "currency": "EUR"}`, Weight: 30},
		{Method: http.MethodGet, Path: "/delay/3", Weight: 2, Slow: true},
	}
}

// Runner sends one stream. Make it with New and call Run once; Snapshot may be
// called at any time.
type Runner struct {
	cfg       Config
	transport *http.Transport
	schedule  []Request // one full turn of the mix, interleaved
	tally     tally
}

// New prepares a stream.
func New(cfg Config) (*Runner, error) {
	if len(cfg.URLs) == 0 {
		return nil, fmt.Errorf("load: no URL")
	}
	if len(cfg.Requests) == 0 {
		cfg.Requests = GatewayMix()
	}
	cfg.Rate = cmp.Or(cfg.Rate, 200)
	cfg.Timeout = cmp.Or(cfg.Timeout, 30*time.Second)
	cfg.Expect = cmp.Or(cfg.Expect, http.StatusOK)
	cfg.Version = cmp.Or(cfg.Version, "X-Version")
	if cfg.Rate < 0 {
		return nil, fmt.Errorf("load: a rate of %v", cfg.Rate)
	}
	schedule := interleave(cfg.Requests)
	if len(schedule) == 0 {
		return nil, fmt.Errorf("load: every weight is 0")
	}
	return &Runner{
		cfg: cfg, schedule: schedule, tally: newTally(),
		// Idle connections are given up before the load balancers' 60 s are over,
		// or the close and a request could cross on the wire.
		transport: &http.Transport{MaxIdleConnsPerHost: 512, IdleConnTimeout: 30 * time.Second, DisableCompression: true},
	}, nil
}

// Run is New and Runner.Run in one call.
func Run(ctx context.Context, cfg Config) (Summary, error) {
	r, err := New(cfg)
	if err != nil {
		return Summary{}, err
	}
	return r.Run(ctx), nil
}

// Run sends until the context or Config.Duration ends, then waits for what is in
// flight, each within its own timeout: the end of the context cuts nothing off.
func (r *Runner) Run(ctx context.Context) Summary {
	if r.cfg.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.cfg.Duration)
		defer cancel()
	}
	defer r.transport.CloseIdleConnections()
	began := time.Now()
	r.tally.start(began)
	var flying sync.WaitGroup
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 0; ; i++ {
		due := began.Add(time.Duration(float64(i) / r.cfg.Rate * float64(time.Second)))
		timer.Reset(time.Until(due))
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		request := r.schedule[i%len(r.schedule)]
		// The turn of the mix is offset each time round, so that no kind of
		// request goes to the same URL for ever.
		base := r.cfg.URLs[(i+i/len(r.schedule))%len(r.cfg.URLs)]
		flying.Go(func() { r.send(request, base, due) })
	}
	flying.Wait()
	r.tally.stop(time.Now())
	return r.Snapshot()
}

// Snapshot is the account so far. Requests in flight are not in it.
func (r *Runner) Snapshot() Summary { return r.tally.summary() }

// interleave spreads each kind of request evenly over one turn.
func interleave(requests []Request) []Request {
	total := 0
	for _, request := range requests {
		total += max(request.Weight, 0)
	}
	due := make([]int, len(requests))
	out := make([]Request, 0, total)
	for range total {
		best := 0
		for i, request := range requests {
			if due[i] += max(request.Weight, 0); due[i] > due[best] {
				best = i
			}
		}
		due[best] -= total
		out = append(out, requests[best])
	}
	return out
}
