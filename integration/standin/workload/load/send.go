package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

// errRetried is why a request is cut off that net/http sends a second time.
var errRetried = errors.New("the connection broke and the HTTP client tried again by itself")

// send sends one request and puts it into the account.
//
// http.Transport repeats a request by itself when a kept-alive connection turns
// out to be dead ("Transport only retries a request upon encountering a network
// error if the connection has already been used successfully and if the request
// is idempotent…", package documentation of net/http). A real client may not, so
// the second connection that a request gets ends it, as a loss.
func (r *Runner) send(request Request, base string, due time.Time) {
	lag := time.Since(due)
	ctx, cancel := context.WithTimeoutCause(context.Background(), r.cfg.Timeout, fmt.Errorf("no complete response within %s", r.cfg.Timeout))
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var connections atomic.Int32
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		if connections.Add(1) > 1 {
			stop(errRetried)
		}
	}})
	status, version, err := r.roundTrip(ctx, request, base)
	if connections.Load() > 1 {
		err = errRetried // even if the second try was quick enough to succeed
	} else if err != nil && context.Cause(ctx) != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	took := time.Since(due)
	var loss *Loss
	if err != nil {
		loss = &Loss{At: due, Method: request.Method, URL: base + request.Path, Status: status, AfterMS: ms(took), Error: err.Error()}
		if r.cfg.OnLoss != nil {
			r.cfg.OnLoss(*loss)
		}
	}
	r.tally.add(outcome{status: status, version: version, took: took, lag: lag, slow: request.Slow, loss: loss})
}

// roundTrip returns a status of 0 when no complete response came.
func (r *Runner) roundTrip(ctx context.Context, request Request, base string) (status int, version string, err error) {
	var body io.Reader
	if request.Body != "" {
		body = strings.NewReader(request.Body)
	}
	req, err := http.NewRequestWithContext(ctx, request.Method, base+request.Path, body)
	if err != nil {
		return 0, "", err
	}
	resp, err := r.transport.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", fmt.Errorf("the response broke off after %d bytes: %w", len(raw), err)
	}
	version = resp.Header.Get(r.cfg.Version)
	switch {
	case resp.StatusCode != r.cfg.Expect:
		return resp.StatusCode, version, fmt.Errorf("status %d, not %d", resp.StatusCode, r.cfg.Expect)
	case request.Echo && string(raw) != request.Body:
		return resp.StatusCode, version, fmt.Errorf("%d bytes came back that are not the request's", len(raw))
	}
	return resp.StatusCode, version, nil
}
