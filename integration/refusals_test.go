//go:build integration

package integration

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Bad input gets one clear message, exit code 1, and touches nothing.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2})
	before := s.ids()
	denied := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "ACL not found", http.StatusForbidden)
	}))
	defer denied.Close()
	balancers := func(c config) []config { return c["load_balancers"].([]config) }
	cases := map[string]struct {
		change func(config)
		want   []string
	}{
		"Docker unreachable":   {func(c config) { c["hosts"] = []config{{"name": "local", "docker": "unix:///nowhere.sock"}} }, []string{"reach Docker on local"}},
		"Consul unreachable":   {func(c config) { c["consul"] = config{"address": "http://127.0.0.1:1"} }, []string{"127.0.0.1:1", "refused"}},
		"wrong ACL token":      {func(c config) { c["consul"] = config{"address": denied.URL, "token_env": "CONSUL_TEST_TOKEN"} }, []string{"403", "token"}},
		"image not found":      {func(c config) { c["image"] = config{"ref": "no/such:image"} }, []string{"no/such:image is not on local", "docker pull"}},
		"no container matches": {func(c config) { c["containers"].(config)["label"] = "no=such" }, []string{"containers.label"}},
		"wrong gateway password": {func(c config) {
			c["driver"] = config{"kind": "apigateway", "user": "Administrator", "password_env": "HOME"}
		}, []string{"401", "driver.password_file"}},
		"balancer unreachable": {func(c config) { balancers(c)[1]["master"] = "tcp://127.0.0.1:1" }, []string{"lb-2"}},
		"backend unknown":      {func(c config) { balancers(c)[0]["backend"] = "nowhere" }, []string{"lb-1", "nowhere"}},
		"not on that network":  {func(c config) { c["containers"].(config)["network"] = "elsewhere" }, []string{"elsewhere"}},
		"front door answers badly": {func(c config) {
			c["probe"] = config{"requests": []config{{"url": s.fronts[0] + "/no/such/page", "expect": 200}}}
		}, []string{"probe.requests"}},
		"too many must serve":       {func(c config) { c["strategy"] = config{"min_serving": 9} }, []string{"min_serving is 9, but only 2"}},
		"unknown balancer left out": {nil, []string{"--without lb-7", "lb-1"}},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			s.config = s.newConfig()
			args := []string{"apply", "--yes"}
			if test.change != nil {
				test.change(s.config)
			} else {
				args = append(args, "--without", "lb-7")
			}
			s.writeConfig()
			got := s.cutover(args...)
			if got.code != 1 {
				t.Errorf("exit %d", got.code)
			}
			for _, want := range test.want {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("%q is not in: %s", want, got.stderr)
				}
			}
			if strings.Contains(got.stdout+got.stderr, "s3cret") {
				t.Error("a secret got out")
			}
			if passing, _, err := s.consul.Health().Service("api-gateway", "", true, nil); err != nil || len(passing) != len(s.fleet) {
				t.Errorf("%d members pass in Consul, %v", len(passing), err)
			}
			if after := s.ids(); !maps.Equal(after, before) {
				t.Errorf("something was touched: %v, before %v", after, before)
			}
		})
	}
	t.Run("check lists all of them in one go", func(t *testing.T) {
		s.config = s.newConfig()
		s.config["image"] = config{"ref": "no/such:image"}
		s.config["driver"] = config{"kind": "apigateway", "user": "Administrator", "password_env": "HOME"}
		s.config["strategy"] = config{"min_serving": 9}
		balancers(s.config)[0]["backend"] = "nowhere"
		s.writeConfig()
		got := s.cutover("check")
		for _, want := range []string{"no/such:image", "401", "min_serving", "nowhere"} {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("%q is not in: %s", want, got.stdout)
			}
		}
		if got.code != 1 {
			t.Errorf("exit %d", got.code)
		}
	})
	t.Run("without a terminal apply needs --yes", func(t *testing.T) {
		s.config = s.newConfig()
		s.writeConfig()
		if got := s.cutover("apply"); got.code != 1 || !strings.Contains(got.stderr, "--yes") {
			t.Errorf("exit %d: %s", got.code, got.stderr)
		}
		if got := s.cutover("check"); got.code != 0 {
			t.Errorf("check of a good configuration: exit %d", got.code)
		}
	})
	s.isOld(before)
}
