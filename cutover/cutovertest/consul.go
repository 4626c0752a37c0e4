package cutovertest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// ConsulAgent is a real agent, a server of its own, in this machine's memory.
type ConsulAgent struct {
	Address string // http://127.0.0.1:port
	Secure  string // https://127.0.0.1:port, when its configuration has certificates
	process *os.Process
	ended   chan struct{}
}

// Consul starts a Consul agent and waits until it has a leader; the test's end stops it. config is more of its
// configuration, in HCL, for instance ACLs. Where there is no consul binary the test is skipped: make images builds one.
func Consul(t *testing.T, config string) *ConsulAgent {
	t.Helper()
	binary, err := exec.LookPath("consul")
	if err != nil {
		_, here, _, _ := runtime.Caller(0)
		binary = filepath.Join(filepath.Dir(here), "../../.cache/bin/consul")
		if _, err := os.Stat(binary); err != nil {
			t.Skip("no consul binary: make images builds one")
		}
	}
	for range 5 { // another process can take a port between its choice and its use
		if agent := tryConsul(t, binary, config); agent != nil {
			return agent
		}
	}
	t.Fatal("consul did not come up")
	return nil
}

func tryConsul(t *testing.T, binary, config string) *ConsulAgent {
	t.Helper()
	ports := make([]int, 5)
	for i := range ports {
		ports[i] = FreePort(t)
	}
	a := &ConsulAgent{Address: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), Secure: fmt.Sprintf("https://127.0.0.1:%d", ports[4]), ended: make(chan struct{})}
	file := filepath.Join(t.TempDir(), "consul.hcl")
	text := fmt.Sprintf("ports { http = %d https = %d dns = -1 grpc = -1 grpc_tls = -1 server = %d serf_lan = %d serf_wan = %d }\n"+
		"limits { http_max_conns_per_client = 1000 }\n%s\n", ports[0], ports[4], ports[1], ports[2], ports[3], config)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary, "agent", "-dev", "-bind", "127.0.0.1", "-config-file", file)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	a.process = command.Process
	go func() { _ = command.Wait(); close(a.ended) }()
	t.Cleanup(a.Kill)
	if !a.hasLeader(t) {
		return nil
	}
	return a
}

// Kill ends the agent at once and waits for its end.
func (a *ConsulAgent) Kill() {
	_ = a.process.Kill()
	<-a.ended
}

func (a *ConsulAgent) hasLeader(t *testing.T) bool {
	t.Helper()
	deadline, tick := time.After(30*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		if answer, err := http.Get(a.Address + "/v1/status/leader"); err == nil { //nolint:noctx // it answers or refuses at once
			text := make([]byte, 64)
			n, _ := answer.Body.Read(text)
			_ = answer.Body.Close()
			if n > len(`""`) {
				return true
			}
		}
		select {
		case <-a.ended:
			return false
		case <-deadline:
			return false
		case <-tick.C:
		}
	}
}

// FreePort is a port of the loopback interface that was free a moment ago.
func FreePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // it was only asked for its port
	return listener.Addr().(*net.TCPAddr).Port
}

// LeastPolicy is the policy that docs/recovery.md gives, for another service and for any node.
func LeastPolicy(t *testing.T, serviceName string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	page, err := os.ReadFile(filepath.Join(filepath.Dir(here), "../../docs/recovery.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```hcl\n")
	policy, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/recovery.md has no policy")
	}
	return strings.NewReplacer("api-gateway", serviceName, `"host-"`, `""`).Replace(policy)
}
