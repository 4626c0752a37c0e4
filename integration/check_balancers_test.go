//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
