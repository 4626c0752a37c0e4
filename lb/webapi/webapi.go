// Package webapi asks the HTTP API of a load balancer.
package webapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/cutover/cutover/lb"
)

const maxAnswer = 16 << 20

// API is where a load balancer is asked.
type API struct {
	balancerName string
	base         *url.URL
	fetcher      *lb.Fetcher
}

// New checks an address such as http://10.0.0.7:9998; it does not connect.
func New(balancerName, base string) (*API, error) {
	if balancerName == "" {
		return nil, errors.New("a load balancer has no name: set load_balancers[].name")
	}
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("load balancer %s: api must look like http://10.0.0.7:9998, without a user, a password or a query", balancerName)
	}
	fetcher := lb.Fetcher{Limit: maxAnswer, TooMuch: "is this the API?", Refused: func(response *http.Response) error {
		return fmt.Errorf("status %s: is this the API, and may it be read from here?", response.Status)
	}}
	return &API{balancerName: balancerName, base: u, fetcher: fetcher.Trusting(nil)}, nil
}

// Name is the load balancer's.
func (a *API) Name() string { return a.balancerName }

// Get reads the JSON at a path below the address. It blocks for at most some seconds. next is the header X-Next-Page, where
// answers come in pages.
func (a *API) Get(ctx context.Context, path string, query url.Values, into any) (next string, err error) {
	u := a.base.JoinPath(path)
	u.RawQuery = query.Encode()
	text, header, err := a.fetcher.Get(ctx, u.String())
	if err != nil {
		return "", err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return "", fmt.Errorf("ask %s: the answer is not the JSON expected: %w", u, err)
	}
	return header.Get("X-Next-Page"), nil
}

// Endpoint reads http://10.0.0.1:5555/, tcp://10.0.0.1:5555 or 10.0.0.1:5555; not valid when it is a host name.
func Endpoint(text string) netip.AddrPort {
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		text = u.Host
		if u.Port() == "" {
			text += map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
		}
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// View is that of a program that changes what it runs in one process and does not tell what is in flight.
func View(servers []lb.Server) lb.View {
	return lb.View{Uncounted: true, Workers: []lb.Worker{{ID: "1", Servers: servers}}}
}

// Wrap says what was being done to the load balancer.
func (a *API) Wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s load balancer %s: %w", doing, a.balancerName, err)
}
