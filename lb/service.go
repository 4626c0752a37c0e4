// Package lb moves a container's membership behind load balancers along the ladder out, drained, serving.
//
// It separates what is asked from what is seen: the intent is told to a registry (lb/consul), the effect is read
// from every load balancer (lb/haproxy), and a rung is reached only when both agree. See DESIGN.md.
package lb

import (
	"fmt"
	"time"
)

// Service is one service that every container of the fleet offers. A container may be several services; they move
// together.
type Service struct {
	Name  string   // the service's name in the registry
	Port  int      // the container's port, before any publishing
	Check Check    // the registry never gives a check's definition back, so the configuration must
	Via   []string // names of the load balancers that route this service; empty: all of them
}

// Check says how the registry finds out that a service is healthy. Exactly one of HTTP and TCP is set. The address
// and port are those of the registration that the check belongs to.
type Check struct {
	HTTP       string // path, such as /health
	TLS        bool   // the HTTP check speaks TLS
	SkipVerify bool   // the TLS certificate is not verified
	Method     string // default GET
	Header     map[string][]string
	TCP        bool // a connection is enough
	Interval   time.Duration
	Timeout    time.Duration // 0: the registry's default
}

func (s Service) validate() error {
	switch {
	case s.Name == "":
		return fmt.Errorf("a service has no name: set members[].service")
	case s.Port < 1 || s.Port > 65535:
		return fmt.Errorf("service %s: port %d is not between 1 and 65535: set members[].port", s.Name, s.Port)
	case (s.Check.HTTP == "") == !s.Check.TCP:
		return fmt.Errorf("service %s: its check needs either an HTTP path or TCP: set members[].check", s.Name)
	case s.Check.Interval <= 0:
		return fmt.Errorf("service %s: its check needs an interval: set members[].check.interval", s.Name)
	}
	return nil
}
