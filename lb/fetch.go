package lb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const fetchLimit = 5 * time.Second // for one answer

// Fetcher gets pages of a load balancer, whole or not at all. Every call has a connection of its own, since one that is kept
// would be answered by the same worker for ever; so it is safe for concurrent use.
type Fetcher struct {
	User, Password string // sent when User is set
	Limit          int    // bytes of an answer
	// Refused says what a status other than 200 means, redirects included, which are not followed.
	Refused func(response *http.Response) error
	// TooMuch is what to ask oneself when more than Limit has come.
	TooMuch string

	transport *http.Transport
}

// Trusting sets whom it trusts when the address is https, and makes it usable. It connects to nothing.
func (f Fetcher) Trusting(trust *tls.Config) *Fetcher {
	f.transport = &http.Transport{DisableKeepAlives: true, DisableCompression: true, Proxy: nil, TLSClientConfig: trust}
	return &f
}

// Get blocks until the answer is complete, for at most some seconds. Its error names the address, never the password.
func (f *Fetcher) Get(ctx context.Context, address string) (text []byte, header http.Header, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetchLimit, fmt.Errorf("no answer within %s", fetchLimit))
	defer cancel()
	text, header, err = f.get(ctx, address)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("ask %s: %w", address, err)
	}
	return text, header, nil
}

func (f *Fetcher) get(ctx context.Context, address string) ([]byte, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	if f.User != "" {
		request.SetBasicAuth(f.User, f.Password)
	}
	response, err := f.transport.RoundTrip(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read, or there is an error already
	switch {
	case response.StatusCode != http.StatusOK:
		return nil, nil, f.Refused(response)
	case response.ContentLength < 0 && len(response.TransferEncoding) == 0 && response.ProtoMajor < 2:
		return nil, nil, errors.New("it does not tell where its answer ends, so it may be cut")
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, int64(f.Limit)+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("the answer broke off: %w", err)
	case len(text) > f.Limit:
		return nil, nil, fmt.Errorf("more than %d MiB came: %s", f.Limit>>20, f.TooMuch)
	}
	return text, response.Header, nil
}
