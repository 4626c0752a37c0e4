package lb

import (
	"context"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/cutover/cutover/cutover"
)

// Config is what Members needs to know and whom it asks.
type Config struct {
	Services  []Service
	Balancers []Balancer
	// Without names balancers that the operator took out of the agreement. They are neither told nor looked into.
	Without []string
	// Locate tells where a container can be reached now. It is asked for every Set and Observe, and nothing of its
	// answer is kept. A container that does not run, or does not exist, is a Place with Running false and no error.
	Locate func(ctx context.Context, target string) (cutover.Place, error)
	// Agent is the registry's agent that owns the registrations of the target's host.
	Agent func(target string) Intent
	// Known is what is to be registered for a target: the adopted registrations of an old container, and for a new one
	// those of the container it replaces with ids of its own. Addresses in it are ignored. A service that it
	// lacks is registered as service-target.
	Known func(target string) []Registration
	// Foreign reports whether a registration is known to be another target's. After restarts it may still carry the
	// address that this target has now. May be nil.
	Foreign func(target, registrationID string) bool
	// Classes are the kinds of connections that last; the first that matches counts.
	Classes []Class
	// Fleet names all members, and tells how many must go on serving whenever one is taken out. May be nil.
	Fleet func() (names []string, least int)
	// New reports whether a target was made by this run, so that nobody can have been sent to it before it was
	// registered. Back reports whether the run goes back. Both may be nil.
	New  func(target string) bool
	Back func() bool
	// Sockets is the proof beside the balancers' word that nothing is in flight.
	Sockets Sockets
	// InFlight is the product's own figure of the requests that a target works on; told is false when it has none. May
	// be nil.
	InFlight func(ctx context.Context, target string) (n int, told bool, err error)
	Now      func() time.Time
}

// Members is the member ladder. It implements cutover.Resource, so one goroutine at a time calls Set, Observe and
// Survey; Propagations may be called from any.
type Members struct {
	cfg    Config
	timing timing
	notes  map[string]string // balancer name to what it refused to Hold last
	drains map[string]*draining
	since  map[string]change // target to its registry state and when that was first seen; for blind balancers
}

var _ cutover.Resource = (*Members)(nil)

// New checks the configuration; it touches nothing.
func New(cfg Config) (*Members, error) {
	if len(cfg.Services) == 0 {
		return nil, fmt.Errorf("members: no service: set members[].service and port")
	}
	var names []string
	for _, b := range cfg.Balancers {
		if slices.Contains(names, b.Name()) {
			return nil, fmt.Errorf("load balancer %s is configured twice: give each its own name", b.Name())
		}
		names = append(names, b.Name())
	}
	for _, s := range cfg.Services {
		if err := s.validate(); err != nil {
			return nil, err
		}
		for _, via := range s.Via {
			if !slices.Contains(names, via) {
				return nil, fmt.Errorf("service %s: there is no load balancer %s: the configuration has %v", s.Name, via, names)
			}
		}
	}
	for _, c := range cfg.Classes {
		if _, err := path.Match(c.Backend, ""); err != nil {
			return nil, fmt.Errorf("class %s: %q is not a pattern of backends: %w", c.Name, c.Backend, err)
		}
		if c.Service != "" && !slices.ContainsFunc(cfg.Services, func(s Service) bool { return s.Name == c.Service }) {
			return nil, fmt.Errorf("class %s: there is no service %s among the members", c.Name, c.Service)
		}
	}
	for _, out := range cfg.Without {
		if !slices.Contains(names, out) {
			return nil, fmt.Errorf("--without %s: there is no such load balancer: the configuration has %v", out, names)
		}
	}
	return &Members{cfg: cfg, notes: map[string]string{}, since: map[string]change{}, drains: map[string]*draining{}}, nil
}

// asked returns the balancers that belong to the agreement.
func (m *Members) asked() []Balancer {
	var in []Balancer
	for _, b := range m.cfg.Balancers {
		if !m.leftOut(b.Name()) {
			in = append(in, b)
		}
	}
	return in
}

// leftOut reports whether the operator took a balancer out of the agreement.
func (m *Members) leftOut(balancerName string) bool {
	return slices.Contains(m.cfg.Without, balancerName)
}

// via reports whether a balancer routes a service.
func (s Service) via(balancerName string) bool {
	return len(s.Via) == 0 || slices.Contains(s.Via, balancerName)
}

func (m *Members) goingBack() bool { return m.cfg.Back != nil && m.cfg.Back() }
