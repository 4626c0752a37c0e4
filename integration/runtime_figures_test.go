//go:build integration

package integration

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// From Consul's change to both load balancers' agreement where they are changed at runtime in place of reloaded.
func TestRuntimeFigures(t *testing.T) {
	if os.Getenv("CUTOVER_FIGURES") == "" {
		t.Skip("make bench measures this")
	}
	s := newStack(t, options{nodes: 3, files: runtimeFiles(t), follower: true, config: func(c config) {
		for _, b := range c["load_balancers"].([]config) {
			b["follows"] = "runtime"
		}
	}})
	load := s.traffic()
	got := s.cutover("apply", "--yes", "--report", "report.json")
	load.end()
	if got.code != 0 || s.report().Probe.Lost != 0 {
		t.Fatalf("exit %d", got.code)
	}
	sorted := slices.Sorted(slices.Values(s.report().Propagation))
	t.Logf("propagation at runtime: median %.0f ms, max %.0f ms of %d", sorted[len(sorted)/2], sorted[len(sorted)-1], len(sorted))
	s.isNew(s.report().Rollout)
}

// slots is how many servers each backend has, whether they lead anywhere or not.
const slots = 8

// runtimeFiles are the demo's with slots in place of servers.
func runtimeFiles(t *testing.T) map[string]string {
	t.Helper()
	text := ""
	for _, name := range []string{"gateways", "gateways-ws"} {
		text += fmt.Sprintf("backend %s from http\n\tserver-template s %d 192.0.2.1:9 check inter 1s pool-purge-delay 1s disabled\n", name, slots)
	}
	return map[string]string{"/etc/consul-template/haproxy.ctmpl": text, "/run/haproxy/gateways.cfg": text}
}

// follow gives the slots of a load balancer to what passes in Consul, until the test has ended.
func (s *stack) follow(lb string) {
	s.Helper()
	at, ctx := s.ports[lb+":9999"], s.Context()
	consul := s.consul
	ended := make(chan error, 1)
	go func() {
		taken := make([]netip.AddrPort, slots)
		var index uint64
		for ctx.Err() == nil {
			entries, meta, err := consul.Health().Service("api-gateway", "", true, (&api.QueryOptions{WaitIndex: index}).WithContext(ctx))
			if err != nil {
				continue
			}
			index = meta.LastIndex
			var passing []netip.AddrPort
			for _, e := range entries {
				passing = append(passing, netip.MustParseAddrPort(fmt.Sprintf("%s:%d", e.Service.Address, e.Service.Port)))
			}
			if commands := reassign(taken, passing); commands != "" {
				if err := tell(ctx, at, commands); err != nil {
					ended <- err
					return
				}
			}
		}
		ended <- nil
	}()
	s.Cleanup(func() { // the test's context has ended by now
		if err := <-ended; err != nil {
			s.Errorf("what follows Consul for %s: %v", lb, err)
		}
	})
}

// reassign takes slots away from what does not pass any more and gives free ones to what is new, in a line of commands.
func reassign(taken, passing []netip.AddrPort) string {
	var commands []string
	both := func(command string, slot int, rest string) {
		for _, backend := range []string{"gateways", "gateways-ws"} {
			commands = append(commands, fmt.Sprintf("%s %s/s%d %s", command, backend, slot+1, rest))
		}
	}
	for i, e := range taken {
		if e.IsValid() && !slices.Contains(passing, e) {
			both("set server", i, "state maint")
			taken[i] = netip.AddrPort{}
		}
	}
	for _, e := range passing {
		if i := slices.Index(taken, netip.AddrPort{}); i >= 0 && !slices.Contains(taken, e) {
			taken[i] = e
			both("set server", i, fmt.Sprintf("addr %s port %d", e.Addr(), e.Port()))
			both("set server", i, "state ready")
		}
	}
	return strings.Join(commands, ";")
}

// tell gives a line of commands to a stats socket, and returns once they have been carried out.
func tell(ctx context.Context, at, commands string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", at)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, commands+"\n"); err != nil {
		return err
	}
	_, err = io.ReadAll(conn)
	return err
}
