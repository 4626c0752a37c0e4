package haproxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/cutover/cutover/lb"
)

// pageOnly is what can't be seen behind a stats page.
const pageOnly = "only the worker that answers its stats page is seen"

// page is HAProxy's stats page as CSV. It only shows, and only the worker that happens to answer.
type page struct {
	url     string
	fetcher *lb.Fetcher
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
	fetcher := lb.Fetcher{User: cfg.User, Password: cfg.Password, Limit: maxAnswer, TooMuch: "is this HAProxy's?", Refused: pageRefused}
	return &page{url: u.String(), fetcher: fetcher.Trusting(trust)}, nil
}

// rows reads the page, whole or not at all.
func (p *page) rows(ctx context.Context) ([]row, error) {
	text, _, err := p.fetcher.Get(ctx, p.url)
	if err != nil {
		return nil, fmt.Errorf("its stats page: %w", err)
	}
	if !strings.HasPrefix(string(text), "# pxname") {
		return nil, fmt.Errorf("read its stats page %s: that is no CSV of HAProxy's: does the path end in ;csv?", p.url)
	}
	return parseStat(string(text))
}

// pageRefused says what a status of the page means.
func pageRefused(response *http.Response) error {
	status := response.StatusCode
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fmt.Errorf("it answers %d: set load_balancers[].user and password_file or password_env", status)
	case status >= 300 && status < 400:
		return fmt.Errorf("it answers %d: it leads elsewhere, and the password is not sent there: give the page's own address", status)
	}
	return fmt.Errorf("it answers %d: is `stats enable` there, and `stats uri` the path?", status)
}
