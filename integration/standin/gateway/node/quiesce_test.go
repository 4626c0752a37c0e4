package node

import (
	"testing"
)

const quiesceAll = `{"block":"all","flush":["license_metrics","performance_metrics","subscription_quota"],"enable":true}`

func TestQuiesceAllFlushesAndOnlyThenDisablesThePackage(t *testing.T) {
	r := start(t, "", nil)
	r.untilReady()
	quiesce := r.quiescePort()
	for range 3 {
		r.call("GET", r.admin+"/gateway/orders/1", "", nil)
	}
	slow := make(chan int, 1)
	go func() { slow <- r.call("GET", r.admin+"/gateway/billing?sleep=300ms", "", nil) }()
	r.until("the slow request is in flight", func() bool { return r.node.Held().InFlight == 1 })

	var answer struct {
		Status *string
		Flush  []string
	}
	if code := r.call("PUT", r.admin+"/rest/apigateway/quiescemode", quiesceAll, &answer); code != 200 || answer.Status != nil {
		t.Fatalf("accepted: %d, status %v", code, answer.Status)
	}
	r.until("new connections to 5555 are refused", func() bool {
		return r.call("GET", r.admin+"/rest/apigateway/health", "", nil) == 0
	})
	if code := r.call("GET", quiesce+"/rest/apigateway/health", "", nil); code != 200 {
		t.Fatalf("health on the quiesce port while in progress: %d", code)
	}
	if r.mode() != "QUIESCE" || r.totals().Transactions != 0 {
		t.Fatalf("the mode is %s at once, and %d are flushed", r.mode(), r.totals().Transactions)
	}
	if code := r.call("PUT", quiesce+"/rest/apigateway/quiescemode", quiesceAll, nil); code != 409 {
		t.Fatalf("asked again: %d", code)
	}
	if code := r.call("GET", quiesce+"/gateway/orders", "", nil); code != 503 {
		t.Fatalf("new request on the quiesce port: %d", code)
	}
	if code := <-slow; code != 200 {
		t.Fatalf("the request in progress: %d", code)
	}
	r.until("health on the quiesce port is 404", func() bool {
		return r.call("GET", quiesce+"/rest/apigateway/health", "", nil) == 404
	})
	got := r.totals()
	if got.Transactions != 4 || got.Licence != 4 || got.Quota["orders"] != 3 || got.Quota["billing"] != 1 {
		t.Fatalf("flushed %+v", got)
	}
	if held := r.node.Held(); held.Transactions != 0 || held.Served != 4 || len(held.Quota) != 0 {
		t.Fatalf("still held %+v", held)
	}
	var active struct{ Status string }
	r.call("PUT", quiesce+"/invoke/wm.server.quiesce/setActiveMode", "", &active)
	if active.Status != "false" || r.mode() != "QUIESCE" {
		t.Fatalf("setActiveMode undid quiesce all: %+v", active)
	}
	r.call("POST", quiesce+"/invoke/wm.server.admin/shutdown", `{"bounce":"no","option":"drain","timeout":1}`, nil)
	if exit := <-r.exit; exit.Code != 0 || exit.Bounce {
		t.Fatalf("exit %+v", exit)
	}
}

func TestQuiesceAllIsRefusedWithoutAValidQuiescePort(t *testing.T) {
	r := start(t, "", nil)
	r.untilReady()
	refused := func(why string) {
		t.Helper()
		if code := r.call("PUT", r.admin+"/rest/apigateway/quiescemode", quiesceAll, nil); code != 500 {
			t.Fatalf("%s: %d", why, code)
		}
	}
	refused("no port is set")
	r.quiescePort()
	port := r.node.ports.find(byAlias("QuiescePort"))
	spoil := func(why string, field *string, value string) {
		t.Helper()
		r.node.ports.mu.Lock()
		old := *field
		*field = value
		r.node.ports.mu.Unlock()
		refused(why)
		r.node.ports.mu.Lock()
		*field = old
		r.node.ports.mu.Unlock()
	}
	spoil("suspended", &port.Suspended, "true")
	spoil("access mode deny", &port.AccessMode, "deny")
	spoil("in another package", &port.Pkg, "WmAPIGateway")
	r.call("PUT", r.admin+"/rest/apigateway/ports/disable", `{"listenerKey":"`+port.Key+`","pkg":"WmRoot"}`, nil)
	refused("disabled")
	if r.mode() != "ACTIVE" {
		t.Fatal("a refusal changed the mode")
	}
}

func TestBadQuiesceRequestsAreRefused(t *testing.T) {
	r := start(t, "", nil)
	r.untilReady()
	for _, body := range []string{"", "nonsense", `{}`, `{"block":"all"}`, `{"block":"some","enable":true}`, `{"block":"all","enable":false}`, `{"block":"all","enable":true,"flush":["tea"]}`} {
		if code := r.call("PUT", r.admin+"/rest/apigateway/quiescemode", body, nil); code != 400 {
			t.Errorf("%q: %d", body, code)
		}
	}
}

func TestDesigntimeBlocksWritesOnly(t *testing.T) {
	r := start(t, "", nil)
	r.untilReady()
	mode := r.admin + "/rest/apigateway/quiescemode"
	var got struct{ Status string }
	if code := r.call("PUT", mode, `{"enable":true,"block":"designtime"}`, &got); code != 200 || got.Status != "success" {
		t.Fatalf("%d %v", code, got)
	}
	if code := r.call("PUT", mode, `{"enable":true,"block":"designtime"}`, nil); code != 409 {
		t.Fatalf("again: %d", code)
	}
	if code := r.call("POST", r.admin+"/rest/apigateway/apis", "{}", nil); code != 503 {
		t.Fatalf("write: %d", code)
	}
	if code := r.call("GET", r.admin+"/rest/apigateway/apis", "", nil); code != 200 {
		t.Fatalf("read: %d", code)
	}
	if code := r.call("GET", r.admin+"/gateway/orders", "", nil); code != 200 {
		t.Fatalf("traffic: %d", code)
	}
	r.quiescePort() // the vendor's tutorial makes the port after this
	if code := r.call("PUT", mode, `{"enable":false,"block":"designtime"}`, nil); code != 200 {
		t.Fatalf("undo: %d", code)
	}
	if code := r.call("POST", r.admin+"/rest/apigateway/apis", "{}", nil); code != 200 {
		t.Fatalf("write afterwards: %d", code)
	}
}

func TestTheServersOwnQuiesceFlushesNothingAndCanBeLeft(t *testing.T) {
	r := start(t, "", nil)
	r.untilReady()
	quiesce := r.quiescePort()
	r.call("GET", r.admin+"/gateway/orders", "", nil)
	r.call("PUT", r.admin+"/invoke/wm.server.quiesce/setQuiesceMode", `{"timeout":0}`, nil)
	r.until("5555 is closed", func() bool { return r.call("GET", r.admin+"/invoke/wm.server/ping", "", nil) == 0 })
	if r.totals().Transactions != 0 || r.node.Held().Transactions != 1 {
		t.Fatal("flushed")
	}
	r.call("PUT", quiesce+"/invoke/wm.server.quiesce/setActiveMode", "", nil)
	r.until("5555 serves again", func() bool { return r.call("GET", r.admin+"/gateway/orders", "", nil) == 200 })
	if r.mode() != "ACTIVE" {
		t.Fatal(r.mode())
	}
}
