package node

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"
)

// trusting returns a client that trusts the node's authority and expects a name.
func trusting(t *testing.T, r *rig, name string) *http.Client {
	t.Helper()
	resp, err := http.Get(r.diagnostic + "/standin/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, _ := io.ReadAll(resp.Body)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		t.Fatalf("no certificate in %q", raw)
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: name}, DisableKeepAlives: true,
	}}
}

func TestHTTPSServesTheSame(t *testing.T) {
	r := startWith(t, map[string]string{"GATEWAY_HTTPS_PORT": "-1", "GATEWAY_FAULT": QuiescedClient + "=503"}, nil)
	r.untilReady()
	secure, err := r.node.URL(t.Context(), httpsAlias)
	if err != nil || !strings.HasPrefix(secure, "https://") {
		t.Fatal(secure, err)
	}
	get := func(client *http.Client) int {
		resp, err := client.Get(secure + "/gateway/orders")
		if err != nil {
			return 0
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for name, want := range map[string]int{"": 200, "localhost": 200, "node-a": 200, "elsewhere": 0} {
		if code := get(trusting(t, r, name)); code != want {
			t.Errorf("as %q: %d, not %d", name, code, want)
		}
	}
	if code := get(http.DefaultClient); code != 0 {
		t.Errorf("without the authority: %d", code)
	}
	var list struct {
		Listeners []struct{ Key, FactoryKey, Protocol string }
	}
	r.call("GET", r.admin+"/rest/apigateway/ports", "", &list)
	if last := list.Listeners[2]; last.Protocol != "HTTPS" || last.FactoryKey != "webMethods/HTTPS" || !strings.HasPrefix(last.Key, "HTTPSListener@") {
		t.Fatalf("%+v", list)
	}
	r.quiescePort()
	r.call("PUT", r.admin+"/rest/apigateway/quiescemode", quiesceAll, nil)
	r.until("503 over HTTPS", func() bool { return get(trusting(t, r, "")) == 503 })
}

func TestWithoutHTTPSThereIsNoAuthority(t *testing.T) {
	r := start(t, "", nil)
	if code := r.call("GET", r.diagnostic+"/standin/ca.pem", "", nil); code != 404 {
		t.Fatalf("%d", code)
	}
}
