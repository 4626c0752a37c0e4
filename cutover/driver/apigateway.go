package driver

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/cutover/cutover/cutover"
)

// APIGateway drives webMethods API Gateway through its administration API. The facts it rests on are the vendor's:
// the Swagger files and the zero-downtime upgrade tutorials of SoftwareAG/webmethods-api-gateway.
type APIGateway struct {
	Server
	Flush     []string // empty: all that the product can flush
	Drain     int      // minutes; not 0: retire a node by shutdown with option drain in place of quiescing it
	Freeze    bool     // block changes of the configuration while the replacement starts (blue-green)
	Store     string   // external: the operator's word that the data store is not in the container
	MayDiffer []string // files outside the data store that may differ from the old node's
	Webhook   *Webhook // nil: none

	requests map[string]*request
	takesAll bool // quiescing one node was seen to take others out of service
}

// request is what one target was asked for last.
type request struct {
	quiesce    bool
	sent       bool               // the request to shut down was accepted
	life       string             // the one in which it was asked to quiesce
	observable bool               // the quiesce port has answered, so that its silence means something
	fallout    map[string]*fallen // peers that left active with it
}

// fallen is a peer that left active with another node.
type fallen struct {
	since cutover.Moment // the life that is to end
	woken bool           // it has its new life
}

// NewAPIGateway fills in what is not given.
func NewAPIGateway(d *APIGateway) *APIGateway {
	d.init()
	d.requests = map[string]*request{}
	return d
}

// Procedure says how these nodes are retired. Quiescing all has no way back but a restart, because it disables the
// package that could undo it (APIGatewayAdministration.json, quiescemode); freezing has.
func (d *APIGateway) Procedure(seen []Facts) Procedure {
	p := Procedure{
		Ladder: []cutover.State{cutover.Active, cutover.Quiesced}, Serial: true,
		Prepares: "flush licence, performance and quota data", Readiness: "health, engine, mode, cluster, packages, licence, files",
	}
	if d.Freeze {
		p.Ladder = []cutover.State{cutover.Active, cutover.Frozen, cutover.Quiesced}
	}
	if len(d.Flush) > 0 {
		p.Prepares = "flush only " + fmt.Sprint(d.Flush)
	}
	if d.Drain > 0 {
		p.Prepares = fmt.Sprintf("shut down with option drain, up to %d minutes", d.Drain)
		p.Notes = append(p.Notes, "driver.quiesce is drain: nothing is flushed explicitly; what the product counts in memory is its shutdown's affair")
	}
	for _, facts := range seen {
		if facts.NoQuiesceAll && d.Drain == 0 {
			p.Prepares = "Integration Server quiesce, without a flush"
			p.Notes = append(p.Notes, "there is no quiescemode in this version's API (10.5 needs Fix 9): the nodes are quiesced as Integration Servers, and licence, performance and quota data since the last flush may be lost")
			break
		}
	}
	return p
}

// Ready gates on /health and /health/engine, which are green or yellow with 200 and red with 500. /health/all is red
// when Kibana is down, so it is not asked. A node may come up quiesced, outside its cluster, or without a package, and
// be healthy all the same.
func (d *APIGateway) Ready(ctx context.Context, target string, place cutover.Place) (bool, string, error) {
	admin, err := d.at(place, d.AdminPort)
	if err != nil {
		return false, "", err
	}
	facts := d.facts(target)
	return pass(
		d.healthGate(ctx, admin),
		d.engineGate(ctx, admin),
		d.modeGate(ctx, place),
		d.clusterGate(ctx, target, admin, facts),
		d.packagesGate(ctx, target, place, facts.Packages),
		d.licenceGate(ctx, target, place, admin),
		d.filesGate(ctx, target, place, d.MayDiffer),
	)
}

func (d *APIGateway) healthGate(ctx context.Context, admin endpoint) gate {
	return func() (bool, string, error) {
		got, err := admin.call(ctx, http.MethodGet, "/rest/apigateway/health", nil)
		switch {
		case err != nil:
			return false, "health: " + brief(err), nil
		case got.status == http.StatusUnauthorized:
			return false, "", fmt.Errorf("health: %w", errCredentials)
		}
		return got.status == http.StatusOK, fmt.Sprintf("health %d", got.status), nil
	}
}

func (d *APIGateway) engineGate(ctx context.Context, admin endpoint) gate {
	return func() (bool, string, error) {
		report, got, err := d.engine(ctx, admin)
		if errors.Is(err, errCredentials) {
			return false, "", err
		}
		if err != nil {
			return false, "engine: " + brief(err), nil
		}
		good := got.status == http.StatusOK && (report.Status == "green" || report.Status == "yellow")
		line := fmt.Sprintf("engine %s", report.Status)
		if !good {
			line += fmt.Sprintf(" (%d)", got.status)
		}
		return good, line, nil
	}
}

// engineReport is as much of /health/engine as counts. Its numbers are strings.
type engineReport struct {
	Status     loose `json:"status"`
	Terracotta struct {
		Healthy loose `json:"healthy_nodes"`
	} `json:"terracotta"`
}

func (d *APIGateway) engine(ctx context.Context, admin endpoint) (engineReport, answer, error) {
	var report engineReport
	got, err := admin.call(ctx, http.MethodGet, "/rest/apigateway/health/engine", nil)
	if err != nil {
		return report, got, err
	}
	if got.status == http.StatusUnauthorized {
		return report, got, fmt.Errorf("health/engine: %w", errCredentials)
	}
	if err := got.decode(&report); err != nil && got.status == http.StatusOK {
		return report, got, fmt.Errorf("health/engine: %w", err)
	}
	return report, got, nil
}

// licenceGate is open when a new node's licence is valid. An old one's may be what is replaced.
func (d *APIGateway) licenceGate(ctx context.Context, target string, place cutover.Place, admin endpoint) gate {
	return d.settled.once("licence", target, place, func() (bool, string, error) {
		if !d.isNew(target) {
			return true, "", nil
		}
		return d.licence(ctx, admin)
	})
}

// licence reads /is/license as far as it can be understood: what it answers is not documented, and 11.x needs none.
func (d *APIGateway) licence(ctx context.Context, admin endpoint) (bool, string, error) {
	got, err := admin.call(ctx, http.MethodGet, "/rest/apigateway/is/license", nil)
	if err != nil {
		return false, "licence: " + brief(err), nil
	}
	var said struct {
		Valid   loose `json:"valid"`
		Expired loose `json:"expired"`
		Until   loose `json:"expirationDate"`
	}
	switch {
	case got.status != http.StatusOK || got.decode(&said) != nil || (said.Valid == "" && said.Expired == ""):
		return true, fmt.Sprintf("licence: not told (%d)", got.status), nil
	case said.Expired.yes() || (said.Valid != "" && !said.Valid.yes()):
		return false, fmt.Sprintf("licence: expired %s: bake a new key, or a fix that needs none, into the image", said.Until), nil
	}
	return true, "licence valid", nil
}

var (
	_ Driver   = (*APIGateway)(nil)
	_ Stopper  = (*APIGateway)(nil)
	_ Consumer = (*APIGateway)(nil)
)
