package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/cutovertest"
	"github.com/cutover/cutover/cutover/store"
)

func TestConsulKeepsTheContract(t *testing.T) {
	agent := cutovertest.Consul(t, "")
	client := clientOf(t, agent, "")
	cutovertest.Store(t,
		func(t *testing.T) cutover.Store { return store.NewConsul(clientOf(t, agent, ""), agent.Address) },
		func(t *testing.T, serviceName string) {
			key := "cutover/" + serviceName + "/control/lock"
			pair, _, err := client.KV().Get(key, nil)
			if err != nil || pair == nil {
				t.Fatalf("the lock: %v, %v", pair, err)
			}
			if _, err := client.Session().Destroy(pair.Session, nil); err != nil {
				t.Fatal(err)
			}
		})
}

// What a replaced rollout has stored is removed; its record stays.
func TestConsulForgetsReplacedRollouts(t *testing.T) {
	agent := cutovertest.Consul(t, "")
	session, err := store.NewConsul(clientOf(t, agent, ""), agent.Address).Acquire(t.Context(), "api-gateway")
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, rollout := range []string{"aaaa", "bbbb", "cccc"} {
		journal := cutover.NewJournal(cutover.Plan{Spec: cutover.Spec{Service: "api-gateway", Rollout: rollout}}, time.Now())
		if err := session.Save(t.Context(), &journal); err != nil {
			t.Fatal(err)
		}
	}
	keys, _, err := clientOf(t, agent, "").KV().Keys("cutover/api-gateway/rollouts/", "/", nil)
	if err != nil || !slices.Equal(keys, []string{"cutover/api-gateway/rollouts/cccc/"}) {
		t.Errorf("stored: %v, %v", keys, err)
	}
}

// A head that somebody has changed is an error that names its key.
func TestConsulWithAChangedHead(t *testing.T) {
	agent := cutovertest.Consul(t, "")
	s := store.NewConsul(clientOf(t, agent, ""), agent.Address)
	for _, text := range []string{`{`, `{"version":1,"direction":"forward","rollout":"7f3a","entries":-1}`, `{"version":1,"direction":"forward","rollout":"7f3a","parts":-1}`, `{"version":1,"direction":"forward","rollout":"7f3a","parts":3}`} {
		if _, err := clientOf(t, agent, "").KV().Put(&api.KVPair{Key: "cutover/api-gateway/head", Value: []byte(text)}, nil); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Peek(t.Context(), "api-gateway"); err == nil || !strings.Contains(err.Error(), "api-gateway") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

const managementToken = "11111111-2222-3333-4444-555555555555"

func TestConsulWithTheLeastPolicy(t *testing.T) {
	agent := cutovertest.Consul(t, `acl { enabled = true default_policy = "deny" tokens { initial_management = "`+managementToken+`" agent = "`+managementToken+`" } }`)
	manager := clientOf(t, agent, managementToken)
	var policies []*api.ACLLink
	for _, serviceName := range []string{"api-gateway", "billing", "newer", "thousand"} { // those of the contract
		if _, _, err := manager.ACL().PolicyCreate(&api.ACLPolicy{Name: serviceName, Rules: cutovertest.LeastPolicy(t, serviceName)}, nil); err != nil {
			t.Fatal(err)
		}
		policies = append(policies, &api.ACLLink{Name: serviceName})
	}
	token, _, err := manager.ACL().TokenCreate(&api.ACLToken{Policies: policies}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cutovertest.Store(t,
		func(t *testing.T) cutover.Store {
			return store.NewConsul(clientOf(t, agent, token.SecretID), agent.Address)
		},
		func(t *testing.T, serviceName string) {
			if _, err := manager.KV().Delete("cutover/"+serviceName+"/control/lock", nil); err != nil {
				t.Fatal(err)
			}
		})
	denied := store.NewConsul(clientOf(t, agent, "99999999-2222-3333-4444-555555555555"), agent.Address)
	if _, err := denied.Acquire(t.Context(), "denied"); !cutover.IsPermanent(err) {
		t.Errorf("a token that may not: got %v, want a permanent error", err)
	}
}

// TLS both ways: the agent is trusted by an authority, and trusts only clients whose certificate that has signed.
func TestConsulWithTLS(t *testing.T) {
	certs := cutovertest.NewCertificates(t)
	agent := cutovertest.Consul(t, fmt.Sprintf(`tls { https { ca_file = %q cert_file = %q key_file = %q verify_incoming = true } }`,
		certs.CA, certs.ServerCert, certs.ServerKey))
	connect := func(secure api.TLSConfig) *api.Client {
		client, err := api.NewClient(&api.Config{Address: agent.Secure, TLSConfig: secure})
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
	trusted := connect(api.TLSConfig{CAFile: certs.CA, CertFile: certs.ClientCert, KeyFile: certs.ClientKey})
	cutovertest.Store(t,
		func(*testing.T) cutover.Store { return store.NewConsul(trusted, agent.Secure) },
		func(t *testing.T, serviceName string) {
			if _, err := trusted.KV().Delete("cutover/"+serviceName+"/control/lock", nil); err != nil {
				t.Fatal(err)
			}
		})
	for name, stranger := range map[string]*api.Client{
		"no certificate": connect(api.TLSConfig{CAFile: certs.CA}), "not trusted": connect(api.TLSConfig{CertFile: certs.ClientCert, KeyFile: certs.ClientKey}),
	} {
		if _, err := store.NewConsul(stranger, agent.Secure).Acquire(t.Context(), "stranger"); err == nil || !strings.Contains(err.Error(), agent.Secure) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The lock of a process that is proved dead is free at once; that of any other one only when its session has ended.
func TestConsulLockOfADeadProcess(t *testing.T) {
	agent := cutovertest.Consul(t, "")
	killOwner(t, func() cutover.Store { return store.NewConsul(clientOf(t, agent, ""), agent.Address) }, agent.Address)
}

func TestConsulThatDoesNotAnswer(t *testing.T) {
	agent := cutovertest.Consul(t, "")
	session, err := store.NewConsul(clientOf(t, agent, ""), agent.Address).Acquire(t.Context(), "api-gateway")
	if err != nil {
		t.Fatal(err)
	}
	if left := session.Left(); left < 10*time.Second || left > 15*time.Second {
		t.Errorf("a new lock covers %s", left)
	}
	agent.Kill()
	before := session.Left()
	deadline := time.Now().Add(20 * time.Second)
	for session.Left() > 0 && time.Now().Before(deadline) {
		<-time.After(50 * time.Millisecond)
	}
	if session.Left() > 0 || before == 0 {
		t.Errorf("the lease was %s when Consul was killed and is %s now", before, session.Left())
	}
	select {
	case <-session.Lost():
		t.Error("the lock is said to be lost; nobody has said so: Consul may come back with it")
	default:
	}
	session.Close()
}

func clientOf(t *testing.T, agent *cutovertest.ConsulAgent, token string) *api.Client {
	t.Helper()
	client, err := api.NewClient(&api.Config{Address: agent.Address, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return client
}
