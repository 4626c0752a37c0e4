package lb_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/lbtest"
)

// catalog is a registry that tells all instances.
type catalog struct {
	*lbtest.FakeIntent
	passing []netip.AddrPort
	err     error
}

func (c *catalog) Passing(context.Context, string) ([]netip.AddrPort, error) { return c.passing, c.err }

// lister is a balancer that tells all its servers.
type lister struct {
	*lbtest.FakeBalancer
	servers func() []lb.Server
}

func (l *lister) Servers(context.Context) ([]lb.Server, error) { return l.servers(), nil }

func TestRendered(t *testing.T) {
	at2, at3 := netip.MustParseAddrPort("10.0.0.2:5555"), netip.MustParseAddrPort("10.0.0.3:5555")
	on := func(name string, e netip.AddrPort, status lb.Status) lb.Server {
		return lb.Server{Name: name, Endpoint: e, Status: status}
	}
	both := []netip.AddrPort{at1, at2}
	followed := []lb.Server{on("app/s1", at1, lb.Up), on("app/s2", at2, lb.Up)}
	for name, test := range map[string]struct {
		passing []netip.AddrPort
		servers []lb.Server
		want    []string
	}{
		"the same":                  {both, followed, nil},
		"another backend is not us": {both, append(followed, on("other/x", at3, lb.Up)), nil},
		"nothing passes":            {nil, followed, nil}, // the last ones known are kept: that is meant
		"one is missing":            {append(both, at3), followed, []string{"lb-1: Consul passes 10.0.0.3:5555 of gw, and it is not there"}},
		"one is down":               {both, []lb.Server{on("app/s1", at1, lb.Up), on("app/s2", at2, lb.Down)}, []string{"lb-1: Consul passes 10.0.0.2:5555 of gw, and it is DOWN there"}},
		"one is too many":           {both, append(followed, on("app/s3", at3, lb.Up)), []string{"lb-1: it sends requests to app/s3 at 10.0.0.3:5555, which Consul does not pass"}},
		"one too many, taken out":   {both, append(followed, on("app/s3", at3, lb.Maint)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				registry := &catalog{w.intent, test.passing, nil}
				w.cfg.Agent = func(string) lb.Intent { return registry }
				w.cfg.Balancers[0] = &lister{w.lb1, func() []lb.Server { return test.servers }}
				found, err := w.members(t).Rendered(t.Context())
				if err != nil || len(found) != len(test.want) || (len(found) > 0 && !strings.HasPrefix(found[0], test.want[0])) {
					t.Errorf("%q, %v", found, err)
				}
			})
		})
	}
}

// What has just changed is no finding, and a registry that can't be read is no agreement.
func TestRenderedGivesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		registry := &catalog{w.intent, []netip.AddrPort{at1}, nil}
		w.cfg.Agent = func(string) lb.Intent { return registry }
		begun := time.Now()
		w.cfg.Balancers[0] = &lister{w.lb1, func() []lb.Server {
			if time.Since(begun) < time.Second {
				return nil
			}
			return []lb.Server{server(lb.Up, 0)}
		}}
		if found, err := w.members(t).Rendered(t.Context()); err != nil || len(found) > 0 {
			t.Errorf("%q, %v", found, err)
		}
		registry.err = errors.New("refused")
		if _, err := w.members(t).Rendered(t.Context()); err == nil {
			t.Error("a registry that can't be read: no error")
		}
	})
}
