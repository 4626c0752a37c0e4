package consul

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/lbtest"
)

func TestContract(t *testing.T) {
	f, server := serve(t)
	here := netip.MustParseAddrPort(server.Listener.Addr().String())
	denied, err := New(Config{Address: server.URL, Token: "another-token"})
	if err != nil {
		t.Fatal(err)
	}
	lbtest.Intent(t, lbtest.IntentFixture{
		Intent: agent(t, server.URL), Address: here.Addr().String(), Port: int(here.Port()),
		Unreachable: agent(t, "http://127.0.0.1:1"), Name: "127.0.0.1:1", Denied: denied, Secret: "another-token",
	})
	for _, request := range f.requests { // what is edited in the catalog is undone by the agent within a minute
		if !strings.Contains(request, " /v1/agent/") {
			t.Errorf("%s does not go through the owning agent", request)
		}
	}
}

func gateway() lb.Registration {
	return lb.Registration{
		ID: "gw-1", Service: "gw", Address: "10.0.0.1", Port: 5555,
		Check: lb.Check{HTTP: "/health", Interval: 2 * time.Second, Timeout: time.Second, Header: map[string][]string{"X": {"y"}}},
	}
}

// A new member must never be visible outside maintenance, so service, check and maintenance go in one request.
func TestMaintenanceCheckInOneCall(t *testing.T) {
	f, server := serve(t)
	if err := agent(t, server.URL).Register(t.Context(), gateway()); err != nil {
		t.Fatal(err)
	}
	if len(f.requests) != 1 || f.requests[0] != "PUT /v1/agent/service/register" {
		t.Fatalf("requests %v, want one", f.requests)
	}
	for _, want := range []string{
		`"CheckID":"_service_maintenance:gw-1"`, `"HTTP":"http://10.0.0.1:5555/health"`, `"Interval":"2s"`,
		`"Timeout":"1s"`, `"Header":{"X":["y"]}`,
	} {
		if !strings.Contains(f.forms[0], want) {
			t.Errorf("%s lacks %s", f.forms[0], want)
		}
	}
	if n := strings.Count(f.forms[0], `"Status":"critical"`); n != 2 {
		t.Errorf("%d checks are critical at first, want both", n)
	}
}

func TestHealth(t *testing.T) {
	cases := []struct {
		name                 string
		checks               []map[string]any
		passing, maintenance bool
		output               string
	}{
		{"no check passes", nil, true, false, ""},
		{"critical", []map[string]any{checkJSON("gw-1", "a", "http", "critical", "connection refused")}, false, false, "connection refused"},
		{"warning does not pass", []map[string]any{checkJSON("gw-1", "a", "http", "warning", "slow")}, false, false, "slow"},
		{"another service's check", []map[string]any{checkJSON("gw-2", "a", "http", "critical", "x")}, true, false, ""},
		{"the node's check counts", []map[string]any{checkJSON("", "disk", "script", "critical", "full")}, false, false, "full"},
		{"maintenance hides nothing", []map[string]any{checkJSON("gw-1", "_service_maintenance:gw-1", "ttl", "critical", "")}, true, true, ""},
		{"node maintenance", []map[string]any{checkJSON("", "_node_maintenance", "maintenance", "critical", "")}, true, true, "the whole node is in maintenance: x"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, server := serve(t)
			f.services["gw-1"] = map[string]any{"ID": "gw-1", "Service": "gw", "Address": "10.0.0.1", "Port": 5555}
			for _, one := range c.checks {
				f.checks[one["CheckID"].(string)] = one
			}
			found, err := agent(t, server.URL).Find(t.Context(), "gw", nil, "10.0.0.1", 5555)
			if err != nil || len(found) != 1 {
				t.Fatalf("%+v, %v", found, err)
			}
			if r := found[0]; r.Passing != c.passing || r.Maintenance != c.maintenance || r.CheckOutput != c.output {
				t.Errorf("%+v", r)
			}
			if len(f.requests) != 2 {
				t.Errorf("a poll took %v, want two requests", f.requests)
			}
		})
	}
}

func TestRegistrationWithoutAddressIsAtItsAgents(t *testing.T) {
	f, server := serve(t)
	f.services["gw-1"] = map[string]any{"ID": "gw-1", "Service": "gw", "Port": 5555}
	a := agent(t, server.URL)
	if found, err := a.Find(t.Context(), "gw", nil, "10.0.0.9", 5555); err != nil || len(found) != 1 || found[0].Address != "10.0.0.9" {
		t.Errorf("%+v, %v", found, err)
	}
	if found, err := a.Find(t.Context(), "gw", nil, "10.0.0.1", 5555); err != nil || len(found) != 0 {
		t.Errorf("%+v, %v: it is not at that address", found, err)
	}
}

// The agent leaves out what a token may not see; that must not look like "not registered".
func TestHiddenServiceIsAnErrorAndNotAbsent(t *testing.T) {
	_, server := serve(t)
	_, err := agent(t, server.URL).Find(t.Context(), "hidden", []string{"h-1"}, "10.0.0.1", 1)
	if err == nil || !cutover.IsPermanent(err) || !strings.Contains(err.Error(), "service:read") || strings.Contains(err.Error(), token) {
		t.Errorf("%v: want a permanent error about service:read", err)
	}
}

func TestErrorsKeepSecretsAndTheirCause(t *testing.T) {
	a, err := New(Config{Address: "http://ops:hunter2@127.0.0.1:1", Token: token})
	if err != nil {
		t.Fatal(err)
	}
	err = a.Register(t.Context(), gateway())
	if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("%v", err)
	}
	if _, err := a.Find(t.Context(), "gw", []string{"gw-1"}, "", 0); err == nil || strings.Contains(err.Error(), "filter=") {
		t.Errorf("%v", err)
	}
	if text := (scrubbed{errors.New("denied for " + token), []string{token}}).Error(); text != "denied for …" {
		t.Error(text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if err := a.Deregister(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "127.0.0.1:8500", "ftp://x:1", "http://user:hunter2@[::1"} {
		if _, err := New(Config{Address: bad, Token: token}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("address %q: %v", bad, err)
		}
	}
}

func TestFilterQuotes(t *testing.T) {
	for in, want := range map[string]string{`a-1`: `"a-1"`, `a"b`: "`a\"b`", `a\b`: "`a\\b`"} {
		if got, err := literal(in); err != nil || got != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	if _, err := literal("a\"`b"); err == nil {
		t.Error("both kinds of quotes can't be expressed")
	}
}
