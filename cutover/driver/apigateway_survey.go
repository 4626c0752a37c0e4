package driver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/cutover/cutover/cutover"
)

// Survey looks at an old node as the vendor's procedure needs it, and remembers what its successor must match.
func (d *APIGateway) Survey(ctx context.Context, target string, place cutover.Place) (facts Facts, found []error) {
	say := func(format string, args ...any) { found = append(found, fmt.Errorf(target+": "+format, args...)) }
	ready, detail, err := d.Ready(ctx, target, place)
	switch {
	case errors.Is(err, errCredentials):
		say("%w: check driver.user, driver.password_file and driver.password_env", err)
		return facts, found
	case err != nil:
		say("%w", err)
		return facts, found
	case !ready:
		say("serves, but it is not ready (%s): check driver.port and the node's logs", oneLine(detail))
		return facts, found
	}
	admin, err := d.at(place, d.AdminPort)
	if err != nil {
		say("%w", err)
		return facts, found
	}
	got, err := admin.call(ctx, http.MethodGet, "/rest/apigateway/quiescemode", nil)
	switch {
	case err != nil:
		say("quiescemode: %w", err)
		return facts, found
	case got.status == http.StatusUnauthorized:
		say("quiescemode: %w: give it the privileges that docs/apigateway.md lists", errPrivilege)
		return facts, found
	case got.status == http.StatusNotFound:
		facts.NoQuiesceAll = true
	}
	if d.Freeze && facts.NoQuiesceAll {
		say("strategy.kind is bluegreen, and this version has no quiescemode to block changes with (10.5 needs Fix 9): use rolling")
	}
	found = append(found, d.surveyCluster(ctx, target, admin, &facts)...)
	if d.Drain == 0 {
		found = append(found, d.surveyQuiescePort(ctx, target, place, admin)...)
	} else if facts.NoQuiesceAll {
		say("driver.quiesce is drain, and this version has no /rest/apigateway/shutdown: leave it out, and the node is quiesced as an Integration Server")
	}
	if d.Freeze {
		found = append(found, d.surveyStore(ctx, target, facts)...)
	}
	return facts, append(found, d.surveyServer(ctx, target, place, &facts)...)
}

func (d *APIGateway) surveyCluster(ctx context.Context, target string, admin endpoint, facts *Facts) []error {
	said, err := d.cluster(ctx, admin)
	if err != nil {
		return []error{fmt.Errorf("%s: %w", target, err)}
	}
	facts.Clustered, facts.Cluster = said.Member.yes(), said.identity()
	if said.Aware.yes() && !said.Member.yes() {
		return []error{fmt.Errorf("%s is meant to be in cluster %s and is not (currentlyClustered is false): bring it back first, or what the others hold is not what it holds", target, said.Name)}
	}
	if report, _, err := d.engine(ctx, admin); err == nil && facts.Clustered {
		facts.Nodes = report.Terracotta.Healthy.number()
	}
	return nil
}

// surveyQuiescePort looks for everything that would make quiescing fail with 500 and that asking can't mend: creating,
// enabling and setting the port is part of asking.
func (d *APIGateway) surveyQuiescePort(ctx context.Context, target string, place cutover.Place, admin endpoint) (found []error) {
	number := strconv.Itoa(d.QuiescePort)
	say := func(format string, args ...any) {
		found = append(found, fmt.Errorf(target+": the quiesce port "+number+" "+format, args...))
	}
	if place.Port(d.QuiescePort) == 0 {
		say("is not published, so quiescing could not be observed: publish it, or use containers.network")
	}
	if d.QuiescePort == d.DiagnosticPort || d.QuiescePort == d.AdminPort {
		say("is the diagnostic or the admin port, which it may not be: choose another driver.quiesce_port")
		return found
	}
	p, there, err := d.quiescePort(ctx, admin)
	if err != nil {
		say("can't be looked at: %s", brief(err))
		return found
	}
	if !there {
		return nil // it is created when the node is asked to quiesce
	}
	found = append(found, quiescePortWrong(target, p)...)
	if len(found) == 0 && p.Enabled.yes() {
		if err := d.canObserve(ctx, place); err != nil {
			say("is enabled, but: %w", err)
		}
	}
	return found
}

// quiescePort looks up the port in the gateway's list.
func (d *APIGateway) quiescePort(ctx context.Context, admin endpoint) (p port, there bool, err error) {
	got, err := admin.call(ctx, http.MethodGet, "/rest/apigateway/ports", nil)
	if err == nil && got.status == http.StatusUnauthorized {
		return port{}, false, cutover.Permanent(fmt.Errorf("%w: give it the privileges that docs/apigateway.md lists", errPrivilege))
	}
	if err := expect(got, err, http.StatusOK); err != nil {
		return port{}, false, err
	}
	var said struct {
		Listeners []port `json:"listeners"`
	}
	if err := got.decode(&said); err != nil {
		return port{}, false, err
	}
	for _, p := range said.Listeners {
		if string(p.Port) == strconv.Itoa(d.QuiescePort) {
			return p, true, nil
		}
	}
	return port{}, false, nil
}

// surveyStore refuses what blue-green can't do: a data store in the container goes with it.
func (d *APIGateway) surveyStore(ctx context.Context, target string, facts Facts) []error {
	if d.Store == "external" {
		return nil
	}
	const remedy = "strategy.kind bluegreen needs the data store outside the container, because both nodes share it and it must outlive the old one: move it out, or, if it is, set driver.data_store: external"
	if facts.Clustered {
		return nil // a cluster's nodes share one already
	}
	now, _, err := d.environment(ctx, target)
	if err != nil {
		return []error{err}
	}
	hosts := now["apigw_elasticsearch_hosts"]
	if hosts == "" {
		return []error{fmt.Errorf("%s: apigw_elasticsearch_hosts is not set, and its default is the data store in the container: %s", target, remedy)}
	}
	for _, local := range []string{"localhost", "127.0.0.1", "[::1]"} {
		if strings.HasPrefix(hosts, local) {
			return []error{fmt.Errorf("%s: its data store is embedded (apigw_elasticsearch_hosts is %s): %s", target, hosts, remedy)}
		}
	}
	return nil
}

// oneLine puts the lines of a readiness report into one.
func oneLine(lines string) string { return strings.ReplaceAll(lines, "\n", ", ") }
