package node

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTrafficIsEchoedAndCounted(t *testing.T) {
	r := start(t, "", nil)
	r.untilReady()
	resp, err := http.Post(r.admin+"/gateway/orders/7?sleep=1ms", "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	if string(body) != "hello" || resp.Header.Get("X-Version") != "10.15.0.17" || resp.Header.Get("X-Node") != "node-a" {
		t.Fatalf("%q %v", body, resp.Header)
	}
	if code := r.call("GET", r.admin+"/gateway/orders?sleep=61s", "", nil); code != 400 {
		t.Fatalf("an unbounded sleep: %d", code)
	}
	var held Held
	r.until("both requests are counted", func() bool {
		return r.call("GET", r.diagnostic+"/standin/counters", "", &held) == 200 && held.Transactions == 2
	})
	if held.Licence != 2 || held.Quota["orders"] != 2 || held.Served != 2 || held.InFlight != 0 || held.LastRequest == nil {
		t.Fatalf("%+v", held)
	}
	metrics, err := http.Get(r.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = metrics.Body.Close() }()
	if text, _ := io.ReadAll(metrics.Body); !strings.Contains(string(text), `apigateway_quota_unflushed{api="orders"} 2`) {
		t.Fatalf("%s", text)
	}
}

func TestEngineHealthIsTextAndLagsBehindHealth(t *testing.T) {
	r := start(t, "", func(c *Config) { c.EngineDelay = 300 * time.Millisecond })
	var engine struct {
		Status     string
		Terracotta struct {
			Nodes   string
			Healthy string `json:"healthy_nodes"`
		}
	}
	r.until("health is 200 while the engine is red", func() bool {
		return r.call("GET", r.admin+"/rest/apigateway/health", "", nil) == 200 &&
			r.call("GET", r.admin+"/rest/apigateway/health/engine", "", &engine) == 500 && engine.Status == "red"
	})
	r.until("the engine is green", func() bool {
		return r.call("GET", r.admin+"/rest/apigateway/health/engine", "", &engine) == 200 && engine.Status == "green"
	})
	if engine.Terracotta.Nodes != "1" || engine.Terracotta.Healthy != "1" {
		t.Fatalf("%+v", engine)
	}
}

func TestStartingMayAnswer503(t *testing.T) {
	r := start(t, "", func(c *Config) { c.StartAnswers, c.StartTime = true, 200*time.Millisecond })
	if code := r.call("GET", r.admin+"/rest/apigateway/health", "", nil); code != 503 {
		t.Fatalf("while starting: %d", code)
	}
	r.untilReady()
}

func TestTerminateAnswersWhatIsInProgressAndLosesTheCounters(t *testing.T) {
	r := start(t, "", nil)
	r.untilReady()
	slow := make(chan int, 1)
	go func() { slow <- r.call("GET", r.admin+"/gateway/orders?sleep=200ms", "", nil) }()
	r.until("the request is in flight", func() bool { return r.node.Held().InFlight == 1 })
	r.node.Terminate()
	if code := <-slow; code != 200 {
		t.Fatalf("in progress: %d", code)
	}
	if exit := <-r.exit; exit.Code != 0 {
		t.Fatalf("%+v", exit)
	}
	if got := r.totals(); got.Transactions != 0 {
		t.Fatalf("flushed without quiesce: %+v", got)
	}
	var members struct{ Nodes int }
	r.call("GET", r.store.URL+"/members", "", &members)
	if members.Nodes != 0 {
		t.Fatal("did not leave the cluster")
	}
}

func TestShutdown(t *testing.T) {
	r := start(t, "", nil)
	r.untilReady()
	url := r.admin + "/rest/apigateway/shutdown"
	for _, body := range []string{`{}`, `{"option":"later"}`, `{"option":"drain","timeout":"soon"}`} {
		if code := r.call("POST", url, body, nil); code != 400 {
			t.Fatalf("%s: %d", body, code)
		}
	}
	var answer struct{ Timeout, Message string }
	if code := r.call("POST", url, `{"bounce":true,"option":"drain","timeout":2,"quiesce":false}`, &answer); code != 200 || answer.Timeout != "2" {
		t.Fatalf("%d %+v", code, answer)
	}
	if exit := <-r.exit; !exit.Bounce {
		t.Fatalf("%+v", exit)
	}
}

func TestPackages(t *testing.T) {
	r := start(t, PackageBroken+"=WmPublic", nil)
	r.untilReady()
	var info struct{ Loadok, Loaderr, Enabled, Exists string }
	get := func(service, name string) {
		t.Helper()
		info.Loadok, info.Loaderr, info.Enabled, info.Exists = "", "", "", ""
		r.call("GET", r.admin+"/invoke/wm.server.packages/"+service+"?package="+name, "", &info)
	}
	if get("packageInfo", "WmRoot"); info.Loadok != "1" || info.Loaderr != "0" {
		t.Fatalf("%+v", info)
	}
	if get("packageInfo", "WmPublic"); info.Loaderr != "1" {
		t.Fatalf("%+v", info)
	}
	if get("getPackageStatus", "Orders"); info.Exists != "false" || info.Enabled != "false" {
		t.Fatalf("%+v", info)
	}
	var list struct{ Packages []struct{ Name string } }
	r.call("GET", r.diagnostic+"/invoke/wm.server.packages/packageList", "", &list)
	if len(list.Packages) != 3 {
		t.Fatalf("%+v", list)
	}
}

func TestPorts(t *testing.T) {
	r := start(t, "", nil)
	r.untilReady()
	url := r.admin + "/rest/apigateway/ports"
	quiesce := r.quiescePort()
	var list struct {
		Listeners []struct{ Key, Enabled, Suspended, AccessMode, PortAlias string }
	}
	r.call("GET", url+"?pkg=WmRoot", "", &list)
	if len(list.Listeners) != 3 || list.Listeners[2].Enabled != "true" || list.Listeners[2].Suspended != "false" || list.Listeners[2].AccessMode != "allow" {
		t.Fatalf("%+v", list)
	}
	if code := r.call("GET", url+"/HTTPListener@1", "", nil); code != 404 {
		t.Fatalf("unknown port: %d", code)
	}
	if code := r.call("POST", url, `{"factoryKey":"webMethods/HTTP","pkg":"WmRoot","port":4444,"portAlias":"QuiescePort"}`, nil); code != 400 {
		t.Fatalf("same alias: %d", code)
	}
	if code := r.call("GET", quiesce+"/rest/apigateway/health", "", nil); code != 200 {
		t.Fatalf("health on the new port: %d", code)
	}
	if code := r.call("DELETE", url+"?pkg=WmRoot&listenerKey="+list.Listeners[2].Key, "", nil); code != 200 {
		t.Fatalf("delete: %d", code)
	}
	if code := r.call("GET", quiesce+"/rest/apigateway/health", "", nil); code != 0 {
		t.Fatalf("the deleted port answers: %d", code)
	}
}

func TestWebhooks(t *testing.T) {
	r := start(t, "", nil)
	r.untilReady()
	url := r.admin + "/rest/apigateway/webhooks"
	if code := r.call("GET", url, "", nil); code != 404 {
		t.Fatalf("none: %d", code)
	}
	got := make(chan struct{}, 1)
	hook := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got <- struct{}{} })
	server := newServer(t, hook)
	var made struct{ ID string }
	body := `{"config":{"url":"` + server + `"},"events":["migration:quiesce:designtime:completed"],"active":true}`
	if code := r.call("POST", url, body, &made); code != 201 || made.ID == "" {
		t.Fatalf("create: %d", code)
	}
	r.call("PUT", r.admin+"/rest/apigateway/quiescemode", `{"enable":true,"block":"designtime"}`, nil)
	select {
	case <-got:
	case <-time.After(10 * time.Second):
		t.Fatal("no delivery within 10s")
	}
	r.call("PUT", r.admin+"/rest/apigateway/quiescemode", `{"enable":false,"block":"designtime"}`, nil)
	if code := r.call("DELETE", url+"/"+made.ID, "", nil); code != 204 {
		t.Fatalf("delete: %d", code)
	}
}
