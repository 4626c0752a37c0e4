package consul

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cutover/cutover/lb/lbtest"
)

// The contract against a real agent with ACLs, where there is a consul binary. The integration suite does the same.
func TestRealAgent(t *testing.T) {
	address := startConsul(t)
	target := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(target.Close)
	here := netip.MustParseAddrPort(target.Listener.Addr().String())
	denied, err := New(Config{Address: address, Token: "99999999-2222-3333-4444-555555555555"})
	if err != nil {
		t.Fatal(err)
	}
	lbtest.Intent(t, lbtest.IntentFixture{
		Intent: agent(t, address), Address: here.Addr().String(), Port: int(here.Port()),
		Unreachable: agent(t, "http://127.0.0.1:1"), Name: "127.0.0.1:1", Denied: denied, Secret: "99999999-2222-3333-4444-555555555555",
	})

	anonymous, err := New(Config{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := anonymous.Find(t.Context(), "lbtest", []string{"lbtest-1"}, "10.0.0.1", 1); err == nil {
		t.Errorf("no token: found %v and no error; absence must be an answer, not a lack of permission", found)
	}
}

func startConsul(t *testing.T) string {
	t.Helper()
	binary, err := exec.LookPath("consul")
	if err != nil {
		if binary, err = filepath.Abs("../../.cache/bin/consul"); err == nil {
			_, err = os.Stat(binary)
		}
	}
	if err != nil {
		t.Skip("no consul binary; the integration suite runs the same in a container")
	}
	for range 5 { // another process can take a port between its choice and its use
		if address := tryConsul(t, binary); address != "" {
			return address
		}
	}
	t.Fatal("consul did not come up")
	return ""
}

// tryConsul starts an agent on ports that are free now. "": it has ended, or its time is over.
func tryConsul(t *testing.T, binary string) string {
	t.Helper()
	ports := make([]int, 4)
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = listener.Addr().(*net.TCPAddr).Port
		_ = listener.Close()
	}
	config := filepath.Join(t.TempDir(), "consul.hcl")
	text := fmt.Sprintf(`ports { http = %d dns = -1 grpc = -1 grpc_tls = -1 server = %d serf_lan = %d serf_wan = %d }
acl { enabled = true default_policy = "deny" tokens { initial_management = %q agent = %q } }
limits { http_max_conns_per_client = 1000 }`, ports[0], ports[1], ports[2], ports[3], token, token)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary, "agent", "-dev", "-bind", "127.0.0.1", "-config-file", config)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() { _ = command.Process.Kill() })
	address := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	if !comesUp(t, agent(t, address), ended) {
		return ""
	}
	return address
}

// comesUp reports whether the agent gets to know the management token, which takes a leader.
func comesUp(t *testing.T, a *Agent, ended <-chan error) bool {
	t.Helper()
	deadline, tick := time.After(30*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := a.Find(t.Context(), "lbtest", []string{"lbtest-1"}, "", 0); err == nil {
			return true
		}
		select {
		case err := <-ended:
			t.Logf("consul has ended: %v", err)
			return false
		case <-deadline:
			return false
		case <-tick.C:
		}
	}
}
