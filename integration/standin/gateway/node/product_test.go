package node

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"
)

// plain starts a node without API Gateway, with a quiesce port of its own.
func plain(t *testing.T, product string, more map[string]string) (r *rig, quiesce string) {
	t.Helper()
	settings := map[string]string{"STANDIN_PRODUCT": product, "QUIESCE_PORT": "-1"}
	for key, value := range more {
		settings[key] = value
	}
	r = startWith(t, settings, nil)
	quiesce, err := r.node.URL(t.Context(), quiesceAlias)
	if err != nil {
		t.Fatal(err)
	}
	r.until("the node has joined", func() bool { return r.clusterInfo().CurrentlyClustered == "true" || r.cfg.DataStore == "" })
	return r, quiesce
}

type clusterInfo struct{ ClusterAware, CurrentlyClustered string }

func (r *rig) clusterInfo() (out clusterInfo) {
	r.invoke("wm.server.query/getClusterInfo", "", &out)
	return out
}

type quiesceAnswer struct {
	Message, Status string
	Report          []reportLine
}

func TestAPlainServerHasNoGateway(t *testing.T) {
	for _, product := range []string{IntegrationServer, Microservices} {
		r, _ := plain(t, product, nil)
		for path, want := range map[string]int{
			"/rest/apigateway/health": 404, "/rest/apigateway/quiescemode": 404,
			"/gateway/orders": 200, "/invoke/wm.server/ping": 200, "/health/startup": 404,
		} {
			if code := r.call("GET", r.admin+path, "", nil); code != want {
				t.Errorf("%s: %s answers %d, not %d", product, path, code, want)
			}
		}
	}
}

func TestQuiescingAPlainServerDeliversItsCountersAndCanBeLeft(t *testing.T) {
	r, quiesce := plain(t, IntegrationServer, nil)
	r.call("GET", r.admin+"/gateway/orders", "", nil)
	slow := make(chan int, 1)
	go func() { slow <- r.call("GET", r.admin+"/gateway/billing?sleep=200ms", "", nil) }()
	r.until("the request runs", func() bool { return r.running("billing:serve") == "1" })
	if r.running("orders:serve") != nothing {
		t.Fatalf("orders: sRunning %q", r.running("orders:serve"))
	}
	var got quiesceAnswer
	if code := r.invoke("wm.server.quiesce/setQuiesceMode", `{"timeout":1}`, &got); code != 200 || got.Status != "true" || len(got.Report) == 0 {
		t.Fatalf("%d %+v", code, got)
	}
	if code := <-slow; code != 200 {
		t.Fatalf("the request in progress: %d", code)
	}
	if totals := r.totals(); totals.Transactions != 2 || totals.Quota["billing"] != 1 {
		t.Fatalf("delivered %+v", totals)
	}
	if r.mode() != "QUIESCE" || r.call("GET", r.admin+"/invoke/wm.server/ping", "", nil) != 0 {
		t.Fatal("not quiesced")
	}
	for name, want := range map[string]string{"WmRoot": "true", "WmPublic": "true", "WmAPIGateway": "false"} {
		var status struct{ Enabled string }
		r.invoke("wm.server.packages/getPackageStatus", `{"package":"`+name+`"}`, &status)
		if status.Enabled != want {
			t.Errorf("package %s: enabled %s", name, status.Enabled)
		}
	}
	if code := r.call("GET", quiesce+"/gateway/orders", "", nil); code != 404 {
		t.Fatalf("traffic in quiesce mode: %d", code)
	}
	r.invoke("wm.server.quiesce/setActiveMode", "", &got)
	if got.Status != "true" || r.call("GET", r.admin+"/gateway/orders", "", nil) != 200 {
		t.Fatalf("not active again: %+v", got)
	}
	r.node.Terminate()
	<-r.exit
	if totals := r.totals(); totals.Transactions != 3 {
		t.Fatalf("delivered at the end %+v", totals)
	}
}

// running is sRunning of one service.
func (r *rig) running(service string) string {
	var out struct {
		SvcStats []struct{ Name, SRunning string }
	}
	r.invoke("wm.server.query/getServiceStats", "", &out)
	for _, stat := range out.SvcStats {
		if stat.Name == service {
			return stat.SRunning
		}
	}
	return ""
}

func TestQuiesceIsOverWithItsTimeAndSaysWhatStillRuns(t *testing.T) {
	r, _ := plain(t, IntegrationServer, nil)
	slow := make(chan int, 1)
	go func() { slow <- r.call("GET", r.admin+"/gateway/billing?sleep=1s", "", nil) }()
	r.until("the request runs", func() bool { return r.running("billing:serve") == "1" })
	var got quiesceAnswer
	r.invoke("wm.server.quiesce/setQuiesceMode", `{"timeout":0}`, &got)
	if i := slices.IndexFunc(got.Report, func(l reportLine) bool { return l.Type == "Service" && l.Status == "false" }); i < 0 {
		t.Fatalf("%+v", got)
	}
	<-slow
}

func TestQuiesceIsInvalidWithoutItsPort(t *testing.T) {
	r := startWith(t, map[string]string{"STANDIN_PRODUCT": IntegrationServer}, nil)
	var got quiesceAnswer
	if r.invoke("wm.server.quiesce/setQuiesceMode", "", &got); got.Message != "INVALID" || r.mode() != "ACTIVE" {
		t.Fatalf("%+v, %s", got, r.mode())
	}
	var details map[string]string
	if r.invoke("wm.server.quiesce/getQuiescePortDetails", "", &details); details["portKey"] != "" {
		t.Fatalf("%v", details)
	}
}

func TestQuiesceMayAnswerBeforeItIsOver(t *testing.T) {
	r, _ := plain(t, IntegrationServer, map[string]string{"GATEWAY_FAULT": QuiesceAnswersFirst, "GATEWAY_QUIESCE_TIME": "300ms"})
	var got quiesceAnswer
	r.invoke("wm.server.quiesce/setQuiesceMode", "", &got)
	if len(got.Report) != 0 || r.mode() != "QUIESCE" || r.node.packages.quiesced() {
		t.Fatalf("%+v", got)
	}
	r.until("the packages are disabled", r.node.packages.quiesced)
}

func TestMicroservicesHealth(t *testing.T) {
	r, _ := plain(t, Microservices, map[string]string{"DATASTORE": "-"})
	keys := func(base string) (code int, names []string) {
		resp, err := http.Get(base + "/health/readiness")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		raw, _ := io.ReadAll(resp.Body)
		var entries map[string]any
		if err := json.Unmarshal(raw, &entries); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		for name := range entries {
			names = append(names, name)
		}
		slices.Sort(names)
		return resp.StatusCode, names
	}
	want := []string{"Diskspace", "JMS", "Memory", "ServiceThread"}
	r.until("UP", func() bool { code, names := keys(r.admin); return code == 200 && slices.Equal(names, want) })

	one, _ := plain(t, Microservices, nil)
	code, names := keys(one.admin)
	if code != 503 || !slices.Contains(names, "Cluster") {
		t.Fatalf("a cluster of one: %d %v", code, names)
	}
	one.call("POST", one.store.URL+"/members", `{"node":"another"}`, nil)
	one.until("a cluster of two is UP", func() bool { code, _ := keys(one.admin); return code == 200 })
	one.call("PUT", one.diagnostic+"/standin/faults", HealthNeedsPassword, nil)
	if resp, err := http.Get(one.admin + "/health"); err != nil || resp.StatusCode != 401 {
		t.Fatalf("without a password: %v %v", resp, err)
	}
	one.call("PUT", one.diagnostic+"/standin/faults", NeverReady, nil)
	if code, _ := keys(one.admin); code != 503 {
		t.Fatalf("never ready: %d", code)
	}
}

func TestSettingsAndCluster(t *testing.T) {
	r, _ := plain(t, IntegrationServer, map[string]string{"EXTENDED_SETTINGS": "watt.server.a=1,watt.server.b=x=y"})
	for _, service := range []string{"wm.server.query/getSettings", "wm.server.admin/getSettings"} {
		var got map[string]string
		r.invoke(service, "", &got)
		if got["watt.server.scheduler.logical.hostname"] != "node-a" || got["watt.server.a"] != "1" || got["watt.server.b"] != "x=y" {
			t.Fatalf("%v", got)
		}
	}
	var failure struct{ Error string }
	if r.invoke("wm.server.query/getClusterError", "", &failure); failure.Error != "false" {
		t.Fatalf("%+v", failure)
	}
	r.call("PUT", r.diagnostic+"/standin/faults", Standalone, nil)
	if r.invoke("wm.server.query/getClusterError", "", &failure); failure.Error != "true" || r.clusterInfo().CurrentlyClustered != "false" {
		t.Fatalf("standalone: %+v", failure)
	}
}

func TestAPendingShutdownCanBeCancelled(t *testing.T) {
	r, _ := plain(t, IntegrationServer, nil)
	done := make(chan int, 1)
	go func() { done <- r.call("GET", r.admin+"/gateway/orders?sleep=1500ms", "", nil) }()
	r.until("the request runs", func() bool { return r.running("orders:serve") == "1" })
	r.invoke("wm.server.admin/shutdown", `{"bounce":"yes","option":"drain","timeout":5}`, nil)
	var list struct{ ShutdownRestart, ShutdownRestartType string }
	if r.invoke("wm.server.admin/listPendingShutdown", "", &list); list.ShutdownRestartType != "bounce" {
		t.Fatalf("%+v", list)
	}
	r.invoke("wm.server.admin/shutdown", `{"option":"cancel"}`, nil)
	if code := <-done; code != 200 {
		t.Fatalf("%d", code)
	}
	list.ShutdownRestart = ""
	if r.invoke("wm.server.admin/listPendingShutdown", "", &list); list.ShutdownRestart != "" {
		t.Fatalf("%+v", list)
	}
	if code := r.call("GET", r.admin+"/gateway/orders", "", nil); code != 200 {
		t.Fatalf("after the cancelled shutdown: %d", code)
	}
}
