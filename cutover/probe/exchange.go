package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"
)

// result is one request as it went.
type result struct {
	status  int
	version string
	took    time.Duration
	resent  bool // on another connection, because the first one was closed under it
	err     error
}

var errRetried = errors.New("the connection was closed before an answer came (the client would have sent it again)")

// exchange makes one request and reads the answer to its end. The HTTP client sends a request silently again when
// a kept-alive connection turns out to be closed; here that is a loss, as it is for a client that can't, unless
// Options.Resend says that nothing else is to be expected.
func (p *Probe) exchange(ctx context.Context, request Request) result {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	ctx, cancel := context.WithTimeoutCause(ctx, p.options.Timeout, fmt.Errorf("no complete answer within %s", p.options.Timeout))
	defer cancel()
	connections := 0
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		if connections++; connections > 1 && !p.options.Resend {
			giveUp(errRetried)
		}
	}})
	start := time.Now()
	status, version, err := p.roundTrip(ctx, request)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return result{status, version, time.Since(start), connections > 1, err}
}

func (p *Probe) roundTrip(ctx context.Context, request Request) (int, string, error) {
	var body io.Reader
	if request.Body != "" {
		body = strings.NewReader(request.Body)
	}
	made, err := http.NewRequestWithContext(ctx, request.Method, request.URL, body)
	if err != nil {
		return 0, "", err
	}
	response, err := p.client.Do(made)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close() //nolint:errcheck // it is read to its end
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return response.StatusCode, "", fmt.Errorf("the answer broke off: %w", err)
	}
	version := ""
	if p.options.VersionHeader != "" {
		version = response.Header.Get(p.options.VersionHeader)
	}
	return response.StatusCode, version, nil
}
