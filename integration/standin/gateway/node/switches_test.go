package node

import (
	"encoding/json"
	"errors"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// quiesced starts a gateway with faults and quiesces it.
func quiesced(t *testing.T, faults string) (r *rig, quiesce string) {
	t.Helper()
	r = start(t, faults, nil)
	r.untilReady()
	quiesce = r.quiescePort()
	if code := r.call("PUT", r.admin+"/rest/apigateway/quiescemode", quiesceAll, nil); code != 200 {
		t.Fatalf("quiesce: %d", code)
	}
	r.until("quiesced", r.node.packages.quiesced)
	return r, quiesce
}

func TestWhatAClientSeesOfAQuiescedPort(t *testing.T) {
	for fault, want := range map[string]func(*http.Response, error) bool{
		"":                          func(_ *http.Response, err error) bool { return errors.Is(err, syscall.ECONNREFUSED) },
		QuiescedClient + "=refused": func(_ *http.Response, err error) bool { return errors.Is(err, syscall.ECONNREFUSED) },
		QuiescedClient + "=reset":   func(_ *http.Response, err error) bool { return errors.Is(err, syscall.ECONNRESET) },
		QuiescedClient + "=503":     func(resp *http.Response, err error) bool { return err == nil && resp.StatusCode == 503 },
	} {
		t.Run(fault, func(t *testing.T) {
			r, quiesce := plain(t, IntegrationServer, map[string]string{"GATEWAY_FAULT": fault})
			if code := r.invoke("wm.server.quiesce/setQuiesceMode", "", nil); code != 200 {
				t.Fatalf("quiesce: %d", code)
			}
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			resp, err := client.Get(r.admin + "/gateway/orders")
			if err == nil {
				_ = resp.Body.Close()
			}
			if !want(resp, err) {
				t.Errorf("%v, %v", resp, err)
			}
			r.call("POST", quiesce+"/invoke/wm.server.quiesce/setActiveMode", "", nil)
			if code := r.call("GET", r.admin+"/gateway/orders", "", nil); code != 200 {
				t.Errorf("active again: %d", code)
			}
		})
	}
}

func TestShutdownAfterQuiesceAll(t *testing.T) {
	const drain = `{"option":"drain","timeout":1,"bounce":false}`
	r, quiesce := quiesced(t, "")
	if code := r.call("POST", quiesce+"/rest/apigateway/shutdown", drain, nil); code != 404 {
		t.Fatalf("without the fault: %d", code)
	}
	r.call("PUT", r.diagnostic+"/standin/faults", ShutdownSurvives, nil)
	if code := r.call("POST", quiesce+"/rest/apigateway/shutdown", drain, nil); code != 200 {
		t.Fatalf("with the fault: %d", code)
	}
	<-r.exit
}

func TestPortsMayBeSynchronised(t *testing.T) {
	for _, fault := range []string{"", PortsSynchronised} {
		r := start(t, fault, nil)
		r.untilReady()
		r.quiescePort()
		b := r.second(func(c *Config) { c.Host = "127.0.0.2" })
		_, err := b.node.URL(t.Context(), "QuiescePort")
		if got := err == nil; got != (fault != "") {
			t.Errorf("fault %q: on the other node %t", fault, got)
		}
	}
}

func TestQuiesceAllMayBeClusterWide(t *testing.T) {
	r := start(t, QuiesceClusterWide, nil)
	r.untilReady()
	b := r.second(nil)
	b.untilReady()
	for _, node := range []*rig{r, b} {
		node.call("GET", node.admin+"/gateway/orders", "", nil)
	}
	r.quiescePort()
	r.call("PUT", r.admin+"/rest/apigateway/quiescemode", quiesceAll, nil)
	b.until("the other one has quiesced too", b.node.packages.quiesced)
	if got := r.totals(); got.Transactions != 2 || got.Nodes["node-b"].Transactions != 1 {
		t.Fatalf("%+v", got)
	}
}

func TestStatusOfTheRestAPI(t *testing.T) {
	for _, c := range []struct {
		fault, method, path, body string
		want                      int
	}{
		{QuiesceModeMissing, "GET", "/quiescemode", "", 404},
		{QuiesceModeMissing, "POST", "/shutdown", "{}", 404},
		{QuiesceModeMissing, "GET", "/webhooks", "", 404},
		{QuiesceModeMissing, "GET", "/migration/status?action=clean", "", 404},
		{QuiesceModeMissing, "GET", "/ports", "", 200},
		{PrivilegeMissing, "GET", "/health", "", 200},
		{PrivilegeMissing, "GET", "/quiescemode", "", 401},
		{PrivilegeMissing, "GET", "/ports", "", 401},
		{PrivilegeMissing, "GET", "/webhooks", "", 401},
		{PrivilegeMissing, "POST", "/shutdown", "{}", 401},
		{PrivilegeMissing, "GET", "/is/cluster", "", 401},
		{PrivilegeMissing, "GET", "/health/all", "", 401},
		{KibanaRed, "GET", "/health/admin", "", 500},
		{KibanaRed, "GET", "/health/all", "", 500},
		{"", "GET", "/health/admin", "", 200},
		{"", "GET", "/health/externalServices", "", 200},
		{"", "GET", "/is/serverinfo", "", 200},
		{"", "POST", "/migration", `{"action":"tea"}`, 400},
	} {
		r := start(t, c.fault, nil)
		if code := r.call(c.method, r.admin+"/rest/apigateway"+c.path, c.body, nil); code != c.want {
			t.Errorf("%s: %s %s: %d, not %d", c.fault, c.method, c.path, code, c.want)
		}
		if c.fault == PrivilegeMissing {
			r.until("health/engine is 200", func() bool {
				return r.call("GET", r.admin+"/rest/apigateway/health/engine", "", nil) == 200
			})
		}
	}
}

func TestKibanasStatusIsAnObjectOrText(t *testing.T) {
	r := start(t, "", nil)
	r.untilReady()
	status := func() (got byte) {
		var out struct {
			Kibana struct{ Status json.RawMessage }
		}
		r.call("GET", r.admin+"/rest/apigateway/health/all", "", &out)
		return out.Kibana.Status[0]
	}
	if got := status(); got != '{' {
		t.Fatalf("green: %c", got)
	}
	r.call("PUT", r.diagnostic+"/standin/faults", KibanaRed, nil)
	if got := status(); got != '"' {
		t.Fatalf("red: %c", got)
	}
}

func TestLicenceAndModeField(t *testing.T) {
	r := start(t, LicenceExpired+","+ModeField+"=mode", nil)
	r.untilReady()
	var licence, mode map[string]string
	if r.call("GET", r.admin+"/rest/apigateway/is/license", "", &licence); licence["expired"] != "true" || licence["valid"] != "false" {
		t.Fatalf("%v", licence)
	}
	if r.invoke("wm.server.quiesce/getCurrentMode", "", &mode); len(mode) != 1 || mode["mode"] != "ACTIVE" {
		t.Fatalf("%v", mode)
	}
}

func TestTheDiagnosticPortMayBeClosed(t *testing.T) {
	r := start(t, DiagnosticClosed, nil)
	if code := r.invoke("wm.server/ping", "", nil); code != 403 {
		t.Fatalf("ping: %d", code)
	}
	if code := r.call("GET", r.diagnostic+"/standin/counters", "", nil); code != 200 {
		t.Fatalf("counters: %d", code)
	}
}

func TestASuspendedQuiescePortIsNotValid(t *testing.T) {
	r, _ := plain(t, APIGateway, nil)
	r.untilReady()
	r.call("PUT", r.diagnostic+"/standin/faults", QuiescePortSuspended, nil)
	if code := r.call("PUT", r.admin+"/rest/apigateway/quiescemode", quiesceAll, nil); code != 500 {
		t.Fatalf("quiesce: %d", code)
	}
	var list struct {
		Listeners []struct{ PortAlias, Suspended string }
	}
	r.call("GET", r.admin+"/rest/apigateway/ports", "", &list)
	if last := list.Listeners[len(list.Listeners)-1]; last.PortAlias != "QuiescePort" || last.Suspended != "true" {
		t.Fatalf("%+v", list)
	}
}

func TestWebhooksAreSharedAndMayBeEarlyOrSilent(t *testing.T) {
	for fault, held := range map[string]bool{"": false, WebhookEarly: true, WebhookSilent: false} {
		r := start(t, fault, func(c *Config) { c.QuiesceTime = 300 * time.Millisecond })
		r.untilReady()
		b := r.second(nil)
		calls := make(chan bool, 9)
		hook := newServer(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls <- !r.node.packages.quiesced() }))
		body := `{"config":{"url":"` + hook + `"},"events":["migration:quiesce:all:completed"],"active":true}`
		b.call("POST", b.admin+"/rest/apigateway/webhooks", body, nil)
		r.quiescePort()
		r.call("PUT", r.admin+"/rest/apigateway/quiescemode", quiesceAll, nil)
		r.until("quiesced", r.node.packages.quiesced)
		if fault == WebhookSilent {
			if len(calls) != 0 {
				t.Error("a silent webhook was delivered")
			}
			continue
		}
		if early := <-calls; early != held {
			t.Errorf("%q: delivered before the end: %t", fault, early)
		}
	}
}

func TestMigration(t *testing.T) {
	r := start(t, "", func(c *Config) { c.QuiesceTime = 100 * time.Millisecond })
	r.untilReady()
	url := r.admin + "/rest/apigateway/migration"
	if code := r.call("GET", url+"/status?action=clean", "", nil); code != 404 {
		t.Fatalf("nobody asked: %d", code)
	}
	for i, want := range []int{202, 409} {
		if code := r.call("POST", url, `{"action":"clean"}`, nil); code != want {
			t.Fatalf("%d: %d", i, code)
		}
	}
	var status struct{ Status *string }
	r.until("success", func() bool {
		return r.call("GET", url+"/status?action=clean", "", &status) == 200 && status.Status != nil && *status.Status == "success"
	})
}
