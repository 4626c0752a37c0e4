package haproxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// pageLimit bounds one look at a stats page.
const pageLimit = 5 * time.Second

// pageOnly is what can't be seen behind a stats page.
const pageOnly = "only the worker that answers its stats page is seen"

// page is HAProxy's stats page as CSV. It only shows, and only the worker that happens to answer.
type page struct {
	url            string
	user, password string
	client         *http.Client
}

func isPage(address string) bool {
	return strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "https://")
}

// newPage reads the certificate authority's file, and connects to nothing.
func newPage(cfg Config) (*page, error) {
	u, err := url.Parse(cfg.Stats)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" {
		return nil, errors.New("it must look like http://10.0.0.5:8404/stats;csv, with user and password in keys of their own")
	}
	if !strings.HasSuffix(u.Path, ";csv") {
		u.Path += ";csv"
	}
	trust := &tls.Config{InsecureSkipVerify: cfg.Insecure} //nolint:gosec // only where the operator says so
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: there is no certificate in %s", cfg.CAFile)
		}
	}
	return &page{url: u.String(), user: cfg.User, password: cfg.Password, client: &http.Client{
		// A connection that is kept would be answered by an old worker for ever.
		Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true, Proxy: nil, TLSClientConfig: trust},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("it leads elsewhere, and the password is not sent there: give the page's own address")
		},
	}}, nil
}

// rows reads the page, whole or not at all.
func (p *page) rows(ctx context.Context) ([]row, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, pageLimit, fmt.Errorf("no whole answer within %s", pageLimit))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return nil, err
	}
	if p.user != "" {
		request.SetBasicAuth(p.user, p.password)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("its stats page: %w", cause(ctx, err))
	}
	defer response.Body.Close() //nolint:errcheck // it was read, or there is an error already
	switch {
	case response.StatusCode == http.StatusUnauthorized, response.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("its stats page %s answers %d: set load_balancers[].user and password_file or password_env", p.url, response.StatusCode)
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("its stats page %s answers %d: is `stats enable` there, and `stats uri` the path?", p.url, response.StatusCode)
	case response.ContentLength < 0 && len(response.TransferEncoding) == 0:
		return nil, fmt.Errorf("its stats page %s does not tell where its answer ends, so it may be cut", p.url)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read its stats page %s: %w", p.url, cause(ctx, err))
	case len(text) > maxAnswer:
		return nil, fmt.Errorf("read its stats page %s: more than %d MiB: is this HAProxy's?", p.url, maxAnswer>>20)
	case !strings.HasPrefix(string(text), "# pxname"):
		return nil, fmt.Errorf("read its stats page %s: that is no CSV of HAProxy's: does the path end in ;csv?", p.url)
	}
	return parseStat(string(text))
}
