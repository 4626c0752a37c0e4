package driver_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/cutovertest"
	"github.com/cutover/cutover/cutover/driver"
)

// integrationServer is a driver for the servers in a town.
func (w *town) integrationServer(change ...func(*driver.IntegrationServer)) *driver.IntegrationServer {
	d := &driver.IntegrationServer{Server: w.server()}
	for _, c := range change {
		c(d)
	}
	return driver.NewIntegrationServer(d)
}

// addServer starts a stand-in without API Gateway.
func (w *town) addServer(name, product string, env map[string]string) *house {
	all := map[string]string{"STANDIN_PRODUCT": product, "QUIESCE_PORT": "4444", "DATASTORE": ""}
	for key, value := range env {
		all[key] = value
	}
	return w.add(name, all)
}

// Both products, the administration API of old and the one of today, in both of its spellings.
func TestIntegrationServerKeepsTheContract(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"full":                      {},
		"microservices":             {"STANDIN_PRODUCT": "microservicesruntime"},
		"health needs a password":   {"STANDIN_PRODUCT": "microservicesruntime", "GATEWAY_FAULT": "health-needs-password"},
		"WmAdmin only, 10.15":       {"GATEWAY_FAULT": "invoke-gone"},
		"WmAdmin only, 11.1":        {"GATEWAY_FAULT": "invoke-gone", "WMADMIN": "when"},
		"the answer before the end": {"GATEWAY_FAULT": "quiesce-answers-first"},
		"the mode in one field":     {"GATEWAY_FAULT": "mode-field=isQuiesceMode"},
		"no diagnostic port":        {"GATEWAY_FAULT": "diagnostic-closed"},
		"with work of its own":      {"TRIGGERS": "jms:orders.jms:onOrder=orders", "TASKS": "orders.jobs:sweep@100ms"},
		"a client sees a reset":     {"GATEWAY_FAULT": "quiesced-client=reset"},
		"a client sees a 503":       {"GATEWAY_FAULT": "quiesced-client=503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			h := w.addServer("is-1", "integrationserver", env)
			d := w.integrationServer()
			h.mustBeReady(d)
			began := h.place().StartedAt
			cutovertest.Resource(t, cutovertest.ResourceFixture{
				Resource: d, Target: "is-1", From: cutover.Active, Secret: password,
				Walk: []cutover.State{cutover.Quiesced, cutover.Active, cutover.Quiesced},
			})
			if !h.place().StartedAt.Equal(began) {
				t.Error("it was restarted, although Integration Server's quiesce can be undone")
			}
			cutovertest.Resource(t, cutovertest.ResourceFixture{
				Resource: d, Target: "is-1", From: cutover.Quiesced, Secret: password,
				Walk: []cutover.State{cutover.Active}, Cut: h.kill,
			})
		})
	}
}

// A server that died in mid-quiesce has lost what it was doing, also when another process had asked it.
func TestIntegrationServerThatDiesWhileItQuiesces(t *testing.T) {
	w := newTown(t)
	h := w.addServer("is-1", "integrationserver", map[string]string{"GATEWAY_FAULT": "crash-in-flush"})
	d := w.integrationServer()
	h.mustBeReady(d)
	w.planned, w.quiesceBegan = true, h.place().Moment()
	if err := d.Set(t.Context(), "is-1", cutover.Quiesced); err != nil {
		t.Fatal(err)
	}
	<-h.ended
	if why := doomed(t, d, "is-1"); !strings.Contains(why, "cut off") {
		t.Errorf("doomed: %s", why)
	}
	h.env["GATEWAY_FAULT"] = ""
	h.start() // as Docker's restart policy would
	resumed := w.integrationServer()
	h.mustBeReady(resumed)
	if err := resumed.Set(t.Context(), "is-1", cutover.Quiesced); err != nil {
		t.Fatal(err)
	}
	if why := doomed(t, resumed, "is-1"); !strings.Contains(why, "cut off") {
		t.Errorf("after a resume: %s", why)
	}
}

// A request that is dated in the future, because the clock was set back since, is waited for as long as any other, and no longer.
func TestIntegrationServerWhoseRequestIsFromTheFuture(t *testing.T) {
	w := newTown(t)
	h := w.addServer("is-1", "integrationserver", nil)
	now := time.Now()
	d := w.integrationServer(func(d *driver.IntegrationServer) { d.Now = func() time.Time { return now } })
	h.mustBeReady(d)
	h.quiesced = cutover.Moment{At: now.Add(time.Hour), Life: h.place().Life} // by another process
	if seen, err := d.Observe(t.Context(), "is-1"); err != nil || seen.State == cutover.Active {
		t.Errorf("it may still land: %+v, %v", seen, err)
	}
	now = now.Add(3 * time.Minute)
	if seen, err := d.Observe(t.Context(), "is-1"); err != nil || seen.State != cutover.Active {
		t.Errorf("later: %+v, %v", seen, err)
	}
}

// What still runs is waited for, and named.
func TestIntegrationServerWaitsForWhatRuns(t *testing.T) {
	for name, faults := range map[string]string{"quiesce waits": "", "quiesce answers first": "quiesce-answers-first"} {
		t.Run(name, func(t *testing.T) { waitsForWhatRuns(t, faults) })
	}
}

func waitsForWhatRuns(t *testing.T, faults string) {
	w := newTown(t)
	h := w.addServer("is-1", "microservicesruntime", map[string]string{"GATEWAY_FAULT": faults})
	d := w.integrationServer()
	h.mustBeReady(d)
	done := make(chan int)
	go func() {
		response, err := http.Get(fmt.Sprintf("http://%s:5555/gateway/orders/1?sleep=1500ms", h.address))
		if err != nil {
			done <- 0
			return
		}
		response.Body.Close()
		done <- response.StatusCode
	}()
	await(t, "the request", func() bool { return h.node.Held().InFlight == 1 })
	if err := d.Set(t.Context(), "is-1", cutover.Quiesced); err != nil {
		t.Fatal(err)
	}
	named := false
	var seen cutover.Observation
	await(t, "quiesced", func() bool {
		var err error
		seen, err = d.Observe(t.Context(), "is-1")
		named = named || strings.Contains(seen.Detail, "(1)")
		if seen.State == cutover.Quiesced && h.node.Held().InFlight > 0 {
			t.Fatalf("quiesced while a request is in flight: %+v", seen)
		}
		return err == nil && seen.State == cutover.Quiesced
	})
	if !named || !strings.Contains(seen.Detail, "nothing runs") {
		t.Errorf("what ran was named: %t; at the end: %q", named, seen.Detail)
	}
	if status := <-done; status != http.StatusOK {
		t.Errorf("the request in flight: %d", status)
	}
}

func TestIntegrationServerReadiness(t *testing.T) {
	for name, test := range map[string]struct {
		product string
		env     map[string]string
		facts   driver.Facts
		ok      bool
		want    string
	}{
		"a full server":         {"integrationserver", nil, driver.Facts{}, true, "ping 200\nmode ACTIVE"},
		"a runtime":             {"microservicesruntime", nil, driver.Facts{}, true, "/health/readiness 200\nmode ACTIVE"},
		"an indicator is down":  {"microservicesruntime", map[string]string{"GATEWAY_FAULT": "engine-red"}, driver.Facts{}, false, "/health/readiness 503, down: JMS"},
		"quiesced at its start": {"integrationserver", map[string]string{"GATEWAY_FAULT": "start-quiesced", "QUIESCE_PORT": ""}, driver.Facts{}, false, "connection refused"},
		"a package that is broken": {
			"integrationserver",
			map[string]string{"GATEWAY_FAULT": "package-broken=WmPublic"},
			driver.Facts{Packages: []string{"WmPublic", "WmGone"}},
			false, "packages: WmPublic has 1 load errors, WmGone is not there",
		},
		"alone in its cluster": {"microservicesruntime", map[string]string{"DATASTORE": "own"}, driver.Facts{}, true, "503: only Cluster is down, which needs two hosts, and there is one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			w.planned, w.facts = true, test.facts
			if test.env["DATASTORE"] == "own" {
				test.env["DATASTORE"] = w.url
			}
			ok, detail, err := w.addServer("is-1", test.product, test.env).ready(w.integrationServer(), test.want)
			if ok != test.ok || err != nil || !strings.Contains(detail, test.want) {
				t.Errorf("ready %t, %q, %v; want %q", ok, detail, err, test.want)
			}
		})
	}
}

// A quiesced server can be asked to end, on whatever port and by whatever API is left.
func TestStopping(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"":                    nil,
		"no diagnostic port":  {"GATEWAY_FAULT": "diagnostic-closed"},
		"WmAdmin only, 10.15": {"GATEWAY_FAULT": "invoke-gone"},
		"WmAdmin only, 11.1":  {"GATEWAY_FAULT": "invoke-gone", "WMADMIN": "when"},
	} {
		for _, quiesced := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, quiesced %t", name, quiesced), func(t *testing.T) {
				t.Parallel()
				w := newTown(t)
				h := w.addServer("is-1", "integrationserver", env)
				d := w.integrationServer()
				h.mustBeReady(d)
				if quiesced {
					cutovertest.Resource(t, cutovertest.ResourceFixture{Resource: d, Target: "is-1", Walk: []cutover.State{cutover.Quiesced}})
				}
				if err := d.Stopping(t.Context(), "is-1", h.place()); err != nil {
					t.Fatal(err)
				}
				if !quiesced { // what still works is left to the stop signal, which ends it in order
					if mode, err := d.Observe(t.Context(), "is-1"); err != nil || mode.State != cutover.Active {
						t.Errorf("a server at work: %+v, %v", mode, err)
					}
					return
				}
				await(t, "the end of the process", func() bool { return !h.place().Running })
			})
		}
	}
}

// A package that the fixed image brings along must be loaded too.
func TestPackagesOfTheImageAreExpected(t *testing.T) {
	w := newTown(t)
	w.planned = true
	d := w.integrationServer(func(d *driver.IntegrationServer) { d.Expect = []string{"Orders"} })
	h := w.addServer("is-1.7f3a", "integrationserver", nil)
	if ok, detail, err := h.ready(d, "Orders"); ok || err != nil || !strings.Contains(detail, "packages: Orders is not there") {
		t.Errorf("ready %t, %q, %v", ok, detail, err)
	}
}

// Two servers on one database must not call their schedulers the same.
func TestIntegrationServerNeedsASchedulerNameOfItsOwn(t *testing.T) {
	w := newTown(t)
	d := w.integrationServer()
	old := w.addServer("is-1", "integrationserver", map[string]string{"SCHEDULER_NAME": "fleet"})
	old.mustBeReady(d)
	w.planned = true
	fresh := w.addServer("is-1.7f3a", "integrationserver", map[string]string{"SCHEDULER_NAME": "fleet"})
	if ok, detail, err := fresh.ready(d, "is also that of"); ok || err != nil || !strings.Contains(detail, `scheduler name "fleet" is also that of is-1`) {
		t.Errorf("ready %t, %q, %v", ok, detail, err)
	}
	other := w.addServer("is-2.7f3a", "integrationserver", nil)
	if got := other.mustBeReady(d); !strings.Contains(got, "scheduler name is-2.7f3a is its own") {
		t.Errorf("%q", got)
	}
}

func TestIntegrationServerSurvey(t *testing.T) {
	w := newTown(t)
	h := w.addServer("is-1", "microservicesruntime", map[string]string{
		"TRIGGERS": "jms:orders.jms:onOrder=orders;messaging:billing.trg:onBill=billing;mqtt:iot.trg:onBeat=beats",
		"TASKS":    "orders.jobs:sweep@1s", "LISTENERS": "FilePolling:orders,Email:inbox,FTP:2121",
	})
	d := w.integrationServer()
	h.mustBeReady(d)
	facts, found := d.Survey(t.Context(), "is-1", h.place())
	if len(found) > 0 {
		t.Errorf("found %v", found)
	}
	for _, want := range []string{"JMS trigger orders.jms:onOrder", "messaging trigger billing.trg:onBill", "MQTT trigger iot.trg:onBeat", "scheduled task orders.jobs:sweep", "file polling", "mail listener", "FTP listener"} {
		if !strings.Contains(fmt.Sprint(facts.Consumers), want) {
			t.Errorf("%s is not in %v", want, facts.Consumers)
		}
	}
	if len(facts.Consumers) != 7 {
		t.Errorf("consumers: %v", facts.Consumers)
	}
	without := w.addServer("is-2", "integrationserver", map[string]string{"QUIESCE_PORT": ""})
	without.mustBeReady(d)
	if _, found := d.Survey(t.Context(), "is-2", without.place()); !strings.Contains(fmt.Sprint(found), "define it in WmRoot or WmPublic, in the image") {
		t.Errorf("without a quiesce port: %v", found)
	}
	bad := w.integrationServer(func(d *driver.IntegrationServer) { d.Password = "wr0ng" })
	if _, found := bad.Survey(t.Context(), "is-1", h.place()); !strings.Contains(fmt.Sprint(found), "401: wrong driver.user or password") {
		t.Errorf("with a wrong password: %v", found)
	}
}

// The admin port may speak HTTPS: with a file of trusted certificates, or with the operator's word.
func TestHTTPS(t *testing.T) {
	w := newTown(t)
	h := w.addServer("is-1", "microservicesruntime", map[string]string{"GATEWAY_HTTPS_PORT": "5543"})
	h.mustBeReady(w.integrationServer())
	response, err := http.Get(fmt.Sprintf("http://%s:9999/standin/ca.pem", h.address))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	file, err := os.Create(ca)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		ca, server string
		insecure   bool
		want       string
	}{
		"trusted":      {ca: ca, server: "localhost", want: ""},
		"insecure":     {insecure: true, want: ""},
		"not trusted":  {server: "localhost", want: "certificate"},
		"another name": {ca: ca, server: "example.com", want: "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			secure, err := driver.TLS{CAFile: test.ca, ServerName: test.server, Insecure: test.insecure}.Config()
			if err != nil {
				t.Fatal(err)
			}
			d := w.integrationServer(func(d *driver.IntegrationServer) { d.TLS, d.AdminPort = secure, 5543 })
			ok, detail, err := d.Ready(t.Context(), "is-1", h.place())
			if err != nil || ok != (test.want == "") || !strings.Contains(detail, test.want) {
				t.Errorf("ready %t, %q, %v", ok, detail, err)
			}
		})
	}
	if _, err := (driver.TLS{CAFile: filepath.Join(t.TempDir(), "none.pem")}).Config(); err == nil || !strings.Contains(err.Error(), "driver.ca_file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// While a request to quiesce that an earlier process made may still take effect, a server is not called active.
func TestIntegrationServerMayStillQuiesce(t *testing.T) {
	w := newTown(t)
	h := w.addServer("is-1", "integrationserver", nil)
	now := time.Now()
	d := w.integrationServer(func(d *driver.IntegrationServer) { d.Now = func() time.Time { return now } })
	h.mustBeReady(d)
	h.journal()
	if seen, err := d.Observe(t.Context(), "is-1"); err != nil || seen.State != "" || !strings.Contains(seen.Detail, "still under way") {
		t.Errorf("observed %+v, %v", seen, err)
	}
	now = now.Add(3 * time.Minute)
	if seen, err := d.Observe(t.Context(), "is-1"); err != nil || seen.State != cutover.Active {
		t.Errorf("three minutes later: %+v, %v", seen, err)
	}
}
