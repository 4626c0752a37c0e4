// Package probe sends steady traffic through the front door for the whole of a cutover and accounts for every
// request. It is an open loop: requests are sent when they are due, whether or not earlier ones have been answered.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Request is made at a steady rate.
type Request struct {
	Method string
	URL    string
	Body   string
	Rate   float64 // per second
	Expect int     // the only status that is right; 0: those seen in the warm-up
}

func (r Request) String() string { return r.Method + " " + r.URL }

// Options say what to send.
type Options struct {
	Requests      []Request
	VersionHeader string        // of the answer, counted by its values
	Timeout       time.Duration // for one complete answer
	Resend        bool          // what meets the end of an idle connection is sent again and counted apart, as the load balancer closes them at will
	Step          func() string // the step of the rollout that is running, for a lost request
}

// Probe is running traffic. Its methods may be called from any goroutine.
type Probe struct {
	options Options
	client  *http.Client
	senders sync.WaitGroup
	stop    context.CancelFunc
	tally   *tally
}

// Start begins to send. The traffic ends with Stop, or with ctx.
func Start(ctx context.Context, options Options) *Probe {
	ctx, stop := context.WithCancel(ctx)
	p := &Probe{options: options, stop: stop, tally: newTally(len(options.Requests)), client: &http.Client{
		Transport:     &http.Transport{MaxIdleConns: 0, MaxIdleConnsPerHost: 1024, IdleConnTimeout: 30 * time.Second, DisableCompression: true, Proxy: nil},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for i, request := range options.Requests {
		if request.Rate > 0 {
			p.senders.Go(func() { p.send(ctx, i, request) })
		}
	}
	return p
}

// send makes one request whenever it is due, on a fixed schedule.
func (p *Probe) send(ctx context.Context, index int, request Request) {
	interval := time.Duration(float64(time.Second) / request.Rate)
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for sent := 1; ; sent++ {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		// Requests that have been sent are seen through to their end, whatever becomes of ctx.
		p.senders.Go(func() { p.one(context.WithoutCancel(ctx), index, request) })
		timer.Reset(time.Until(start.Add(time.Duration(sent) * interval)))
	}
}

func (p *Probe) one(ctx context.Context, index int, request Request) {
	phase := p.tally.begin()
	result := p.exchange(ctx, request)
	if result.err == nil {
		result.err = p.judge(index, request, result.status)
	}
	step := ""
	if p.options.Step != nil {
		step = p.options.Step()
	}
	p.tally.end(phase, index, request, result, step)
}

// judge says whether a complete answer is a good one.
func (p *Probe) judge(index int, request Request, status int) error {
	switch {
	case request.Expect != 0 && status != request.Expect:
		return fmt.Errorf("status %d, expected %d", status, request.Expect)
	case slices.Contains([]int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}, status):
		return fmt.Errorf("status %d", status)
	case !p.tally.known(index, status):
		return fmt.Errorf("status %d, which the warm-up did not see", status)
	}
	return nil
}

// WarmUp waits until the traffic has run for a time and every request has been answered at least once. Its error
// says which requests are not answered well: then nothing should be begun.
func (p *Probe) WarmUp(ctx context.Context, atLeast time.Duration) error {
	deadline := time.NewTimer(atLeast + p.options.Timeout)
	defer deadline.Stop()
	timer := time.NewTimer(atLeast)
	defer timer.Stop()
	for warm := false; ; {
		if unanswered := p.unanswered(); warm && len(unanswered) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
			warm = true
			timer.Reset(10 * time.Millisecond)
		case <-deadline.C:
			return fmt.Errorf("warm the probe up: no answer to %s", strings.Join(p.unanswered(), ", "))
		}
	}
	summary := p.tally.summary()
	if summary.Lost == 0 {
		return nil
	}
	var errs []error
	for _, loss := range summary.Losses[:min(len(summary.Losses), 3)] {
		errs = append(errs, fmt.Errorf("warm the probe up: %s: %s: the front door must answer well before anything is replaced: check probe.requests",
			loss.Request, loss.Why))
	}
	return errors.Join(errs...)
}

func (p *Probe) unanswered() []string {
	var names []string
	for i, request := range p.options.Requests {
		if request.Rate > 0 && !p.tally.answered(i) {
			names = append(names, request.String())
		}
	}
	return names
}

// Begin marks the moment from which on requests count as made during the cutover.
func (p *Probe) Begin() { p.tally.mark() }

// Stop sends no more and waits for the answers that are due, which takes Timeout at most.
func (p *Probe) Stop() Summary {
	p.stop()
	p.senders.Wait()
	p.client.CloseIdleConnections()
	return p.tally.summary()
}

// FirstLoss is the first request lost since Begin, if there is one.
func (p *Probe) FirstLoss() (Loss, bool) { return p.tally.firstLoss() }

// Summary tells how it went so far.
func (p *Probe) Summary() Summary { return p.tally.summary() }
