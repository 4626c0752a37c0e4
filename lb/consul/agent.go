// Package consul tells one Consul agent which members are meant to serve. It implements lb.Intent.
//
// Everything goes through the agent that owns the registrations: what is edited in the catalog is undone by the
// agent's anti-entropy.
package consul

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/lb"
)

// Config says how an agent is reached.
type Config struct {
	Address string // http://host:8500, https://… or unix:///…; user:password@ is taken as basic auth
	Token   string // the ACL token itself; the caller reads it from its file or variable
	TLS     TLS    // for https
}

// TLS is whom the agent is trusted by, and who we are to it; Address is the name in its certificate.
type TLS = api.TLSConfig

// Agent is one Consul agent. It is safe for concurrent use.
type Agent struct {
	client  *api.Client
	address string // without credentials
	secrets []string

	mu       sync.Mutex
	readable map[string]bool // services that the token was seen to be allowed to read
	self     string          // the agent's own address, for registrations that have none
}

var _ lb.Intent = (*Agent)(nil)

// New prepares a client; it does not connect.
func New(cfg Config) (*Agent, error) {
	address, err := url.Parse(cfg.Address)
	if err != nil || (address.Host == "" && address.Scheme != "unix") {
		return nil, fmt.Errorf("consul address is no URL such as http://127.0.0.1:8500: check consul.address and hosts[].consul")
	}
	conf := &api.Config{Token: cfg.Token, TLSConfig: cfg.TLS}
	a := &Agent{readable: map[string]bool{}, secrets: []string{cfg.Token}}
	if user := address.User; user != nil {
		password, _ := user.Password()
		conf.HttpAuth = &api.HttpBasicAuth{Username: user.Username(), Password: password}
		a.secrets = append(a.secrets, password)
		address.User = nil
	}
	a.address = address.String()
	conf.Address = a.address
	if conf.HttpClient, err = api.NewHttpClient(api.DefaultConfig().Transport, cfg.TLS); err != nil {
		return nil, fmt.Errorf("consul %s: read the files of consul.tls: %w", a.address, err)
	}
	conf.HttpClient.CheckRedirect = noRedirect
	if a.client, err = api.NewClient(conf); err != nil {
		return nil, fmt.Errorf("consul %s: %w", a.address, err)
	}
	return a, nil
}

// noRedirect keeps the token from being sent on to wherever an answer points.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Client is what the agent is reached by, for others who speak with it.
func (a *Agent) Client() *api.Client { return a.client }

// Address is where the agent is reached, without credentials.
func (a *Agent) Address() string { return a.address }

// Maintain implements lb.Intent. The agent keeps maintenance as a check named _service_maintenance:<id>, so switching
// it on twice, or off where it is not on, changes nothing.
func (a *Agent) Maintain(ctx context.Context, id string, on bool, reason string) error {
	q := (&api.QueryOptions{}).WithContext(ctx)
	if on {
		return a.explain("switch maintenance on", a.client.Agent().EnableServiceMaintenanceOpts(id, reason, q))
	}
	return a.explain("switch maintenance off", a.client.Agent().DisableServiceMaintenanceOpts(id, q))
}

// Deregister implements lb.Intent.
func (a *Agent) Deregister(ctx context.Context, id string) error {
	q := (&api.QueryOptions{}).WithContext(ctx)
	err := a.client.Agent().ServiceDeregisterOpts(id, q)
	if code(err) == 404 {
		return nil // it is gone, which is what was asked for
	}
	return a.explain("deregister", err)
}
