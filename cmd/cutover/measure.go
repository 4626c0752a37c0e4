package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/cutover/cutover/lb"
)

// measured is one line of what check --measure found.
type measured struct {
	Who     string  `json:"who"` // a load balancer, or consul: when whoever follows it could have heard
	Seen    bool    `json:"seen"`
	Added   float64 `json:"added_ms,omitempty"`
	Removed float64 `json:"removed_ms,omitempty"`
}

// measure registers a canary that nobody is sent to, for as long as it takes every load balancer to see it, and removes it
// again, also when it is interrupted.
func (s *site) measure(ctx context.Context) ([]measured, error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	clocks, err := s.members.Measure(ctx, newRolloutID())
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	var all []measured
	for _, c := range clocks {
		all = append(all, measured{Who: c.Who, Seen: c.Seen, Added: ms(c.Came), Removed: ms(c.Went)})
	}
	return all, err
}

func (m measured) String() string {
	switch {
	case m.Who == lb.Registry && m.Seen:
		return fmt.Sprintf("whoever follows Consul hears of a registration after %.0f ms, and of its end after %.0f ms", m.Added, m.Removed)
	case m.Seen:
		return fmt.Sprintf("%s runs what is registered after %.0f ms, and no longer has it %.0f ms after its end", m.Who, m.Added, m.Removed)
	}
	return m.Who + ": not seen there; its template must render the service " + lb.CanaryService + " (docs/load-balancers.md)"
}
