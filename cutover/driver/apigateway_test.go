package driver_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/cutovertest"
	"github.com/cutover/cutover/cutover/driver"
)

// gateway is a driver for the nodes in a town.
func (w *town) gateway(change ...func(*driver.APIGateway)) *driver.APIGateway {
	d := &driver.APIGateway{Server: w.server()}
	for _, c := range change {
		c(d)
	}
	return driver.NewAPIGateway(d)
}

// Under every way in which the product may behave where its documentation is silent, the contract holds.
func TestAPIGatewayKeepsTheContract(t *testing.T) {
	for _, behaviour := range []string{
		"", "shutdown-survives", "health-needs-password", "mode-field=isQuiesceMode", "mode-field=mode", "diagnostic-closed",
		"quiesced-client=reset", "quiesced-client=503", "ports-synchronised", "quiescemode-missing",
	} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			w, h := newHouse(t, behaviour)
			w.facts.NoQuiesceAll = behaviour == "quiescemode-missing"
			d := w.gateway()
			h.mustBeReady(d)
			cutovertest.Resource(t, cutovertest.ResourceFixture{
				Resource: d, Target: "gw-1", From: cutover.Active, Secret: password,
				Walk: []cutover.State{cutover.Quiesced},
			})
			h.journal()
			cutovertest.Resource(t, cutovertest.ResourceFixture{
				Resource: d, Target: "gw-1", From: cutover.Quiesced, Secret: password,
				Walk: []cutover.State{cutover.Active}, Cut: h.kill,
			})
		})
	}
}

// The longer ladder of blue-green: freezing has a way back of its own.
func TestAPIGatewayThatFreezesKeepsTheContract(t *testing.T) {
	for _, behaviour := range []string{"", "designtime-blocks-ports"} {
		t.Run(behaviour, func(t *testing.T) {
			t.Parallel()
			w, h := newHouse(t, behaviour)
			d := w.gateway(func(d *driver.APIGateway) { d.Freeze = true })
			h.mustBeReady(d)
			began := h.place().StartedAt
			cutovertest.Resource(t, cutovertest.ResourceFixture{
				Resource: d, Target: "gw-1", From: cutover.Active, Secret: password,
				Walk: []cutover.State{cutover.Frozen, cutover.Active, cutover.Frozen},
			})
			if !h.place().StartedAt.Equal(began) {
				t.Error("it was restarted to be unfrozen")
			}
			cutovertest.Resource(t, cutovertest.ResourceFixture{
				Resource: d, Target: "gw-1", From: cutover.Frozen, Secret: password, Walk: []cutover.State{cutover.Quiesced},
			})
			h.journal()
			cutovertest.Resource(t, cutovertest.ResourceFixture{
				Resource: d, Target: "gw-1", From: cutover.Quiesced, Secret: password,
				Walk: []cutover.State{cutover.Frozen, cutover.Active}, Cut: h.kill,
			})
		})
	}
}

func TestAPIGatewayReadiness(t *testing.T) {
	for fault, want := range map[string]string{
		"never-ready":            "health 500",
		"engine-red":             "health 200\nengine red (500)",
		"start-quiesced":         "connection refused",
		"standalone":             "not clustered (currentlyClustered is false)",
		"package-broken=WmAdmin": "packages: WmAdmin has 1 load errors",
		"licence-expired":        "licence: expired",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			h := w.add("gw-1.7f3a", map[string]string{"GATEWAY_FAULT": fault})
			w.planned, w.facts = true, driver.Facts{Clustered: true, Packages: []string{"WmAdmin", "WmRoot"}}
			ok, detail, err := h.ready(w.gateway(), want)
			if ok || err != nil || !strings.Contains(detail, want) {
				t.Errorf("ready %t, %q, %v; want %q", ok, detail, err, want)
			}
		})
	}
}

// Everything that is looked at has a line of its own, in order.
func TestAPIGatewayTellsWhatItLooksAt(t *testing.T) {
	const passman, dashboard = "/opt/softwareag/profiles/IS_default/configuration/security/passman/mpw.dat", "/opt/softwareag/profiles/IS_default/apigateway/dashboard/config/kibana.yml"
	w, old := newHouse(t, "")
	h := w.add("gw-1.7f3a", nil)
	old.mustBeReady(w.gateway())
	w.planned = true
	w.facts = driver.Facts{Clustered: true, Nodes: 1, Packages: []string{"WmRoot"}}
	w.hashes["gw-1"] = map[string]string{passman: "1", dashboard: "2"}
	w.hashes["gw-1.7f3a"] = map[string]string{passman: "1", dashboard: "3"}
	d := w.gateway()
	_, detail, _ := h.ready(d, "files_may_differ")
	if !strings.Contains(detail, "kibana.yml is another one than on the old node") || !strings.Contains(detail, "driver.files_may_differ") {
		t.Errorf("%q", detail)
	}
	d.MayDiffer = []string{"kibana.yml"}
	got := h.mustBeReady(d)
	want := "health 200\nengine green\nmode ACTIVE\nclustered, 2 of 2 nodes\npackages: 1 loaded\nlicence valid\nfiles outside the data store: 1 as on the old node"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestAPIGatewaySurveyFindsNothingWrongWithAGoodNode(t *testing.T) {
	w, h := newHouse(t, "")
	d := w.gateway()
	h.mustBeReady(d)
	facts, found := d.Survey(t.Context(), "gw-1", h.place())
	if len(found) > 0 {
		t.Errorf("found %v", found)
	}
	if !facts.Clustered || facts.Nodes != 1 || len(facts.Packages) != 4 || facts.NoQuiesceAll || len(facts.Consumers) > 0 {
		t.Errorf("facts %+v", facts)
	}
}

func TestAPIGatewaySurveyRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		env    map[string]string
		town   func(*town)
		change func(*driver.APIGateway)
		want   string
	}{
		"a wrong password":          {nil, nil, func(d *driver.APIGateway) { d.Password = "wr0ng" }, "401: wrong driver.user or password"},
		"a missing privilege":       {map[string]string{"GATEWAY_FAULT": "privilege-missing"}, nil, nil, "401: driver.user is known, but lacks the privilege"},
		"a node out of its cluster": {map[string]string{"GATEWAY_FAULT": "standalone"}, nil, nil, "currentlyClustered is false"},
		"a suspended port":          {map[string]string{"GATEWAY_FAULT": "quiesce-port-suspended", "QUIESCE_PORT": "4444"}, nil, nil, "the quiesce port 4444 is suspended: resume it"},
		"the diagnostic port":       {nil, nil, func(d *driver.APIGateway) { d.QuiescePort = 9999 }, "is the diagnostic or the admin port"},
		"a shared name": {
			map[string]string{"SCHEDULER_NAME": "fleet"},
			func(w *town) { w.next = map[string]string{"SCHEDULER": "fleet"} }, nil,
			`is what the variable SCHEDULER holds, and its replacement would use it at the same time: set containers.env.set: {SCHEDULER: "{{.Name}}"}`,
		},
		"a fixed client id": {
			map[string]string{"TRIGGERS": "jms:a.b:onC=q", "CLIENT_ID": "orders"},
			func(w *town) { w.next = map[string]string{"CLIENT_ID": "orders"} }, nil,
			`its client id of connection`,
		},
		"a client id in the image": {map[string]string{"TRIGGERS": "jms:a.b:onC=q", "CLIENT_ID": "orders"}, nil, nil, `"orders", which is fixed in the image`},
		"drain without its API":    {map[string]string{"GATEWAY_FAULT": "quiescemode-missing"}, nil, func(d *driver.APIGateway) { d.Drain = 1 }, "has no /rest/apigateway/shutdown"},
		"an embedded data store":   {map[string]string{"DATASTORE": ""}, nil, func(d *driver.APIGateway) { d.Freeze = true }, "its default is the data store in the container"},
		"a local data store": {
			map[string]string{"DATASTORE": ""},
			func(w *town) { w.now = map[string]string{"apigw_elasticsearch_hosts": "localhost:9240"} },
			func(d *driver.APIGateway) { d.Freeze = true }, "its data store is embedded",
		},
		"a new set that would join": {
			nil, func(w *town) { w.now = map[string]string{"NAME": "a"}; w.next = w.now },
			func(d *driver.APIGateway) {
				d.Separate = &driver.Separate{Name: []string{"NAME"}, Addresses: []string{"TSA", "IGNITE"}}
			},
			`a cluster name of its own for the new set, which would join the old cluster otherwise: NAME is the same for both`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			h := w.add("gw-1", test.env)
			if test.town != nil {
				test.town(w)
			}
			h.ready(w.gateway(), "currentlyClustered")
			var changes []func(*driver.APIGateway)
			if test.change != nil {
				changes = append(changes, test.change)
			}
			_, found := w.gateway(changes...).Survey(t.Context(), "gw-1", h.place())
			if !strings.Contains(fmt.Sprint(found), test.want) {
				t.Errorf("found  %v\nwanted %s", found, test.want)
			}
			if strings.Contains(fmt.Sprint(found), "wr0ng") || strings.Contains(fmt.Sprint(found), password) {
				t.Errorf("a secret is in %v", found)
			}
		})
	}
}

func TestAPIGatewayWithAWrongPasswordIsNotAskedAgain(t *testing.T) {
	w, h := newHouse(t, "")
	h.mustBeReady(w.gateway())
	bad := w.gateway(func(d *driver.APIGateway) { d.Password = "wr0ng" })
	if err := bad.Set(t.Context(), "gw-1", cutover.Quiesced); !cutover.IsPermanent(err) || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("set: %v", err)
	}
}

// A version without quiescemode is quiesced as an Integration Server, and the plan says so.
func TestAPIGatewayProcedure(t *testing.T) {
	w, h := newHouse(t, "quiescemode-missing")
	d := w.gateway()
	h.mustBeReady(d)
	facts, found := d.Survey(t.Context(), "gw-1", h.place())
	if len(found) > 0 || !facts.NoQuiesceAll {
		t.Fatalf("%+v, %v", facts, found)
	}
	how := d.Procedure([]driver.Facts{{}, facts})
	if how.Prepares != "Integration Server quiesce, without a flush" || len(how.Notes) != 1 || !strings.Contains(how.Notes[0], "may be lost") || !how.Serial {
		t.Errorf("%+v", how)
	}
}
