package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
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
// the second connection that a request gets ends it before it is sent there, as a loss.
//
// A load balancer that closes idle connections of clients (nginx does at each reload) meets some of their next requests
// on the way. Where Config.ResetsAt says so these are counted apart: a connection that had been used before, closed
// before the first byte of an answer. Whether the request was carried out all the same, this end can't know.
func (r *Runner) send(request Request, base string, due time.Time) {
	lag := time.Since(due)
	ctx, cancel := context.WithTimeoutCause(context.Background(), r.cfg.Timeout, fmt.Errorf("no complete response within %s", r.cfg.Timeout))
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var connections atomic.Int32
	var reused, answered atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			if connections.Add(1) > 1 {
				stop(errRetried)
				_ = info.Conn.Close() // or the request would be on its way before the end of its context is seen
				return
			}
			reused.Store(info.Reused)
		},
		GotFirstResponseByte: func() { answered.Store(true) },
	})
	status, version, err := r.roundTrip(ctx, request, base)
	if connections.Load() > 1 {
		err = errRetried // even if the second try was quick enough to succeed
	} else if err != nil && context.Cause(ctx) != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	took := time.Since(due)
	var loss *Loss
	reset := err != nil && reused.Load() && !answered.Load() && closedByPeer(err) && slices.Contains(r.cfg.ResetsAt, base)
	if err != nil && !reset {
		loss = &Loss{At: due, Method: request.Method, URL: base + request.Path, Status: status, AfterMS: ms(took), Error: err.Error()}
		if r.cfg.OnLoss != nil {
			r.cfg.OnLoss(*loss)
		}
	}
	r.tally.add(outcome{status: status, version: version, took: took, lag: lag, slow: request.Slow, loss: loss, reset: reset})
}

// closedByPeer reports whether an error says that the other end closed the connection.
func closedByPeer(err error) bool {
	for _, closed := range []error{errRetried, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, closed) {
			return true
		}
	}
	return strings.Contains(err.Error(), "server closed idle connection") // net/http does not export it
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
