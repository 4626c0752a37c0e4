// Package nginx looks into nginx through what its running workers say of themselves at one URL. It implements
// lb.Balancer. Open source nginx has no interface that would tell: what it says is rendered into its configuration, in
// the same file as the upstream (compose/nginx). DESIGN.md has the figures.
package nginx

import (
	"fmt"
	"net/url"

	"github.com/cutover/cutover/lb"
)

// Config says how one nginx is reached.
type Config struct {
	Name string
	// Members is the URL at which its workers say what they run, such as http://10.0.0.6:8081/cutover/members.
	Members string
}

// Balancer is one nginx. Every question has a connection of its own, so it is safe for concurrent use.
type Balancer struct {
	cfg     Config
	fetcher *lb.Fetcher
}

var _ lb.Balancer = (*Balancer)(nil)

// New checks the configuration; it does not connect.
func New(cfg Config) (*Balancer, error) {
	if cfg.Name == "" {
		return nil, fmt.Errorf("a load balancer has no name: set load_balancers[].name")
	}
	u, err := url.Parse(cfg.Members)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("load balancer %s: members must look like http://10.0.0.6:8081/cutover/members, without a user, a password or a query", cfg.Name)
	}
	return &Balancer{cfg: cfg, fetcher: newFetcher()}, nil
}

// Name implements lb.Balancer.
func (b *Balancer) Name() string { return b.cfg.Name }

// wrap says what was being done to which balancer.
func (b *Balancer) wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s load balancer %s: %w", doing, b.cfg.Name, err)
}
