package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cutover/cutover/cutover"
)

// Ready gates on the server's health, its mode, its cluster and its packages: health tells nothing of a package that
// did not load.
func (d *IntegrationServer) Ready(ctx context.Context, target string, place cutover.Place) (bool, string, error) {
	admin, err := d.at(place, d.AdminPort)
	if err != nil {
		return false, "", err
	}
	facts := d.facts(target)
	return pass(
		func() (bool, string, error) { return d.health(ctx, target, admin) },
		d.modeGate(ctx, place),
		d.clusterGate(ctx, target, place, facts),
		d.packagesGate(ctx, target, place, facts.Packages),
		d.nameGate(ctx, target, place),
		d.filesGate(ctx, target, place, d.MayDiffer),
	)
}

// health asks /health/readiness (10.15 and later), /health (Microservices Runtime), or, of a full Integration Server,
// which has neither, whether it answers at all.
func (d *IntegrationServer) health(ctx context.Context, target string, admin endpoint) (bool, string, error) {
	for _, path := range []string{"/health/readiness", "/health"} {
		got, err := admin.call(ctx, http.MethodGet, path, nil)
		switch {
		case err != nil:
			return false, path + ": " + brief(err), nil
		case got.status == http.StatusUnauthorized:
			return false, "", fmt.Errorf("%s: %w", path, errCredentials)
		case got.status == http.StatusOK:
			return true, path + " 200", nil
		case got.status == http.StatusServiceUnavailable:
			down := indicatorsDown(got)
			if slices.Equal(down, []string{"Cluster"}) && d.alone(ctx, target) {
				return true, path + " 503: only Cluster is down, which needs two hosts, and there is one", nil
			}
			return false, fmt.Sprintf("%s 503, down: %s", path, several(down)), nil
		case got.status != http.StatusNotFound:
			return false, fmt.Sprintf("%s %d", path, got.status), nil
		}
	}
	got, err := admin.call(ctx, http.MethodGet, "/invoke/wm.server/ping", nil)
	if err != nil {
		return false, "ping: " + brief(err), nil
	}
	return got.status == http.StatusOK, fmt.Sprintf("ping %d", got.status), nil
}

// indicatorsDown names the health indicators that are not up. Their shape is not documented: one entry each, with a
// status somewhere in it.
func indicatorsDown(got answer) []string {
	var said map[string]json.RawMessage
	if got.decode(&said) != nil {
		return []string{"not told"}
	}
	var down []string
	for name, raw := range said {
		var entry struct {
			Status loose `json:"status"`
		}
		status := strings.Trim(string(raw), `"`)
		if json.Unmarshal(raw, &entry) == nil && entry.Status != "" {
			status = string(entry.Status)
		}
		if strings.EqualFold(status, "DOWN") && !strings.EqualFold(name, "status") {
			down = append(down, name)
		}
	}
	slices.Sort(down)
	return down
}

// alone reports whether no other container of the rollout runs.
func (d *IntegrationServer) alone(ctx context.Context, target string) bool {
	if d.Containers.Peers == nil {
		return false
	}
	for _, peer := range d.Containers.Peers(target) {
		if place, err := d.Containers.Locate(ctx, peer.Name); err != nil || place.Running {
			return false
		}
	}
	return true
}

// clusterGate is open when a server whose predecessor was a member of a cluster is one too.
func (d *IntegrationServer) clusterGate(ctx context.Context, target string, place cutover.Place, facts Facts) gate {
	return func() (bool, string, error) {
		if !facts.Clustered {
			return true, "", nil
		}
		now, err := d.clusterInfo(ctx, place)
		switch {
		case err != nil:
			return false, "cluster: " + err.Error(), nil
		case !now.Clustered:
			return false, "not clustered", nil
		}
		if err := d.sameCluster(target, now.Cluster, facts); err != nil {
			return false, "", err
		}
		return true, "clustered", nil
	}
}

// clusterInfo tells whether a server is in a stateful cluster, and in which. The answers' fields are not documented.
func (d *IntegrationServer) clusterInfo(ctx context.Context, place cutover.Place) (Facts, error) {
	var facts Facts
	var info, settings map[string]any
	err := d.invoke(ctx, place, "wm.server.query:getClusterInfo", nil, &info)
	if errors.Is(err, errMissing) {
		return facts, nil
	}
	if err != nil {
		return facts, err
	}
	for _, key := range []string{"currentlyClustered", "isClustered", "clustered"} {
		if value, ok := find(info, key); ok {
			facts.Clustered = loose(value).yes()
			break
		}
	}
	err = d.invoke(ctx, place, "wm.server.query:getClusterSettings", nil, &settings)
	if err != nil && !errors.Is(err, errMissing) {
		return facts, err
	}
	var parts []string
	for _, key := range []string{"clusterName", "tsaURLs"} {
		if value, ok := find(settings, key); ok {
			parts = append(parts, value)
		}
	}
	facts.Cluster = strings.Join(parts, ", ")
	return facts, nil
}

// Survey looks at an old server, and remembers what its successor must match.
func (d *IntegrationServer) Survey(ctx context.Context, target string, place cutover.Place) (facts Facts, found []error) {
	say := func(format string, args ...any) { found = append(found, fmt.Errorf(target+": "+format, args...)) }
	if _, err := d.mode(ctx, place); errors.Is(err, errCredentials) {
		say("%w: check driver.user, driver.password_file and driver.password_env", err)
		return facts, found
	}
	ready, detail, err := d.Ready(ctx, target, place)
	switch {
	case err != nil:
		say("%w", err)
		return facts, found
	case !ready:
		say("serves, but it is not ready (%s): check driver.port and the server's logs", oneLine(detail))
		return facts, found
	}
	if facts, err = d.clusterInfo(ctx, place); err != nil {
		say("%w", err)
	}
	if place.Port(d.QuiescePort) == 0 && place.Port(d.DiagnosticPort) == 0 {
		say("neither the quiesce port %d nor the diagnostic port %d is published, so quiescing could not be observed: publish one, or use containers.network", d.QuiescePort, d.DiagnosticPort)
	}
	found = append(found, d.surveyQuiescePort(ctx, target, place)...)
	return facts, append(found, d.surveyServer(ctx, target, place, &facts)...)
}

// surveyQuiescePort looks for what would make a server refuse to quiesce with INVALID.
func (d *IntegrationServer) surveyQuiescePort(ctx context.Context, target string, place cutover.Place) []error {
	_, told, err := d.quiesceAlias(ctx, place)
	if err != nil {
		return []error{fmt.Errorf("%s: the quiesce port: %w", target, err)}
	}
	if !told {
		return nil
	}
	p, err := d.quiesceCandidate(ctx, place)
	if errors.Is(err, errMissing) {
		return nil
	}
	if err != nil {
		return []error{fmt.Errorf("%s: %w", target, err)}
	}
	return quiescePortWrong(target, p)
}

// quiescePortWrong lists what keeps a port from being a quiesce port and asking can't mend.
func quiescePortWrong(target string, p port) (found []error) {
	say := func(format string, args ...any) {
		found = append(found, fmt.Errorf(target+": the quiesce port "+string(p.Port)+" "+format, args...))
	}
	if p.Suspended.yes() {
		say("is suspended: resume it")
	}
	if p.AccessMode != "" && !strings.HasPrefix(strings.ToLower(string(p.AccessMode)), "allow") {
		say("has access mode %q: set it to allow", string(p.AccessMode))
	}
	if p.Package != "WmRoot" && p.Package != "WmPublic" {
		say("belongs to package %s, which quiescing disables: it must be in WmRoot or WmPublic", p.Package)
	}
	return found
}
