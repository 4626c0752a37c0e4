//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cutover/cutover/lb"
)

// What check says of load balancers: nothing of the demo's, which are as they should be; and of one that no longer follows
// Consul, which instance it has and should not have.
func TestCheckOfLoadBalancers(t *testing.T) {
	var balancers []config
	s := newStack(t, options{nodes: 2, config: func(c config) { balancers = c["load_balancers"].([]config) }})
	var files []string
	for _, name := range []string{"haproxy.cfg", "haproxy.ctmpl", "consul-template.hcl"} {
		data, err := os.ReadFile(filepath.Join("../compose/haproxy", name))
		s.must(err)
		s.must(os.WriteFile(filepath.Join(s.folder, name), data, 0o600))
		files = append(files, name)
	}
	balancers[0]["config"] = files
	s.writeConfig()
	if got := s.cutover("check"); got.code != 0 || strings.Contains(got.stdout, "lb-") {
		t.Errorf("exit %d", got.code)
	}

	s.measures()

	fixed, err := os.ReadFile(filepath.Join(s.folder, "haproxy.cfg"))
	s.must(err)
	s.must(os.WriteFile(filepath.Join(s.folder, "haproxy.cfg"), []byte(strings.Replace(string(fixed), "option idle-close-on-response", "", 1)), 0o600))
	if got := s.cutover("plan"); got.code != 1 || !strings.Contains(got.stderr, "haproxy.cfg:") || !strings.Contains(got.stderr, "lb-1: ") ||
		!strings.Contains(got.stderr, "frontend front has no `option idle-close-on-response`") {
		t.Errorf("without the option: exit %d", got.code)
	}
	s.must(os.WriteFile(filepath.Join(s.folder, "haproxy.cfg"), fixed, 0o600))

	if out, code := s.execIn(s.name+"-lb-2", "kill -STOP $(pidof consul-template)"); code != 0 {
		t.Fatal(out)
	}
	leaving := s.address(s.fleet[1])
	s.must(s.consul.Agent().EnableServiceMaintenance("gw-2", "test"))
	got := s.cutover("check")
	if !strings.Contains(got.stdout, "lb-2: it sends requests to gateways/gw-2 at "+leaving+":5555, which Consul does not pass") || strings.Contains(got.stdout, "lb-1: it sends") {
		t.Errorf("lb-2 does not follow: exit %d", got.code)
	}
}

// measures asks how long both load balancers take to follow: nothing is lost by that, and nothing is left over, also when
// it is interrupted.
func (s *stack) measures() {
	s.Helper()
	load := s.traffic()
	got := s.cutover("check", "--measure")
	for _, want := range []string{"Consul hears of a registration after ", "lb-1 runs what is registered after ", "lb-2 runs what is registered after "} {
		if !regexp.MustCompile(want + `[0-9]{1,3} ms, and`).MatchString(got.stdout) {
			s.Errorf("exit %d, not measured: %s", got.code, want)
		}
	}
	s.hasNoCanary()
	if out, code := s.execIn(s.name+"-lb-2", "kill -STOP $(pidof consul-template)"); code != 0 { // so that it lasts
		s.Fatal(out)
	}
	interrupted := s.begin("check", "--measure")
	s.await(30*time.Second, "the canary", func() bool { return s.canaries() > 0 })
	s.must(interrupted.Process.Signal(syscall.SIGINT))
	if got := s.finish(interrupted); got.code == 0 {
		s.Error("it was interrupted, and exits with 0")
	}
	s.hasNoCanary()
	if out, code := s.execIn(s.name+"-lb-2", "kill -CONT $(pidof consul-template)"); code != 0 {
		s.Fatal(out)
	}
	load.end()
}

func (s *stack) canaries() int {
	s.Helper()
	found, _, err := s.consul.Catalog().Service(lb.CanaryService, "", nil)
	s.must(err)
	return len(found)
}

func (s *stack) hasNoCanary() {
	s.Helper()
	registered, err := s.consul.Agent().Services()
	s.must(err)
	for id, service := range registered {
		if service.Service == lb.CanaryService {
			s.Errorf("%s is left over", id)
		}
	}
}
