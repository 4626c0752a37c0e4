package consul

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/cutover/cutovertest"
	"github.com/cutover/cutover/lb/lbtest"
)

// The contract against a real agent with ACLs, with the least policy that the docs give, where there is a consul binary. The integration suite does the same.
func TestRealAgent(t *testing.T) {
	address := cutovertest.Consul(t, `acl { enabled = true default_policy = "deny" tokens { initial_management = "`+token+`" agent = "`+token+`" } }`).Address
	least := leastToken(t, address)
	target := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(target.Close)
	here := netip.MustParseAddrPort(target.Listener.Addr().String())
	denied, err := New(Config{Address: address, Token: "99999999-2222-3333-4444-555555555555"})
	if err != nil {
		t.Fatal(err)
	}
	lbtest.Intent(t, lbtest.IntentFixture{
		Intent: least, Address: here.Addr().String(), Port: int(here.Port()),
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

// leastToken is an agent client whose token has the policy of docs/recovery.md and no more.
func leastToken(t *testing.T, address string) *Agent {
	t.Helper()
	manager := agent(t, address).Client()
	if _, _, err := manager.ACL().PolicyCreate(&api.ACLPolicy{Name: "cutover", Rules: cutovertest.LeastPolicy(t, "lbtest")}, nil); err != nil {
		t.Fatal(err)
	}
	made, _, err := manager.ACL().TokenCreate(&api.ACLToken{Policies: []*api.ACLLink{{Name: "cutover"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Config{Address: address, Token: made.SecretID})
	if err != nil {
		t.Fatal(err)
	}
	return a
}
