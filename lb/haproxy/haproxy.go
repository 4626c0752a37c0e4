// Package haproxy looks into HAProxy through its command line sockets. It implements lb.Balancer.
//
// The facts come from HAProxy's management guide (sections "Unix Socket commands" and "Master CLI") and from
// experiments on 2.6.12, which DESIGN.md in the folder above lists with their figures.
package haproxy

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cutover/cutover/lb"
)

// Config says how one HAProxy is reached. Sockets are tcp://host:port or unix:///path; what is seen without any is its
// stats page.
type Config struct {
	Name string
	// Master is the command line of the master process (haproxy -W -S). It leads to every worker, old ones too.
	Master string
	// Stats is a stats socket of the running worker. It is used to Hold where the master's socket has too low a
	// level.
	// It may also be the URL of the stats page, http:// or https://: then nothing but that page is asked. Old workers are
	// not seen, nothing can be held, and what is in flight has to be proved by the member's own sockets.
	Stats string
	// User and Password are for the stats page. CAFile is whom it is trusted by, in place of the system's authorities;
	// Insecure trusts any certificate.
	User, Password, CAFile string
	Insecure               bool
	// Settle is for the stats page: for how long after it was told a worker that is not seen may go on with idle clients.
	Settle time.Duration
	// Backend restricts the servers to one backend; empty: any backend, servers are found by address and port.
	Backend string
	// FollowsRuntime says that something follows the registry by changing servers at runtime (the Data Plane API,
	// DNS resolution, a script), and not by reloading. MAINT in a running worker is then the registry's doing, and cutover
	// never sets it.
	FollowsRuntime bool
}

// Balancer is one HAProxy. Every call makes connections of its own, so it is safe for concurrent use.
type Balancer struct {
	cfg    Config
	master socket
	stats  socket
	page   *page                     // in place of both
	listed atomic.Pointer[[]process] // the workers that the master listed last
}

var _ lb.Balancer = (*Balancer)(nil)

// New checks the configuration; it does not connect.
func New(cfg Config) (*Balancer, error) {
	b := &Balancer{cfg: cfg}
	var err error
	if cfg.Name == "" {
		return nil, fmt.Errorf("a load balancer has no name: set load_balancers[].name")
	}
	if cfg.Master != "" {
		if b.master, err = parseSocket(cfg.Master); err != nil {
			return nil, fmt.Errorf("load balancer %s: master: %w", cfg.Name, err)
		}
	}
	switch {
	case isPage(cfg.Stats):
		if cfg.Master != "" {
			return nil, fmt.Errorf("load balancer %s: stats is its page, so its master is not asked: leave master out, or give the stats socket", cfg.Name)
		}
		if b.page, err = newPage(cfg); err != nil {
			return nil, fmt.Errorf("load balancer %s: stats: %w", cfg.Name, err)
		}
	case cfg.Stats != "":
		if b.stats, err = parseSocket(cfg.Stats); err != nil {
			return nil, fmt.Errorf("load balancer %s: stats: %w", cfg.Name, err)
		}
	}
	if cfg.Backend != "" && !plainName.MatchString(cfg.Backend) {
		return nil, fmt.Errorf("load balancer %s: backend %q is no name that HAProxy allows", cfg.Name, cfg.Backend)
	}
	return b, nil
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
