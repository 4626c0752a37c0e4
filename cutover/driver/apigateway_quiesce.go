package driver

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/cutover/cutover/cutover"
)

// The words of wm.server.quiesce:getCurrentMode.
const (
	modeActive  = "ACTIVE"
	modeQuiesce = "QUIESCE"
)

// Set quiesces a node with flush, or gives it a new life. It may be repeated: 409 means that quiescing has begun.
func (d *APIGateway) Set(ctx context.Context, target string, want cutover.State) error {
	if want == cutover.Active {
		d.forget(target)
		return wakeByRestart(ctx, d.Containers, target)
	}
	d.wants(target)
	place, err := running(ctx, d.Containers, target)
	if err != nil {
		return fmt.Errorf("quiesce %s: %w", target, err)
	}
	d.remember(target, place)
	if mode, err := d.mode(ctx, place); err == nil && mode == modeQuiesce {
		return nil // it has begun: from here on only the surviving ports answer
	}
	admin, err := d.at(place, d.AdminPort)
	if err != nil {
		return cutover.Permanent(fmt.Errorf("quiesce %s: %w", target, err))
	}
	if err := d.ensureQuiescePort(ctx, admin); err != nil {
		return fmt.Errorf("quiesce %s: prepare the quiesce port %d: %w", target, d.QuiescePort, err)
	}
	if err := d.canObserve(ctx, place); err != nil {
		return fmt.Errorf("quiesce %s: its end could not be observed: %w", target, err)
	}
	flush := d.Flush
	if len(flush) == 0 {
		flush = []string{"license_metrics", "performance_metrics", "subscription_quota"}
	}
	got, err := admin.call(ctx, http.MethodPut, "/rest/apigateway/quiescemode",
		map[string]any{"block": "all", "flush": flush, "enable": true})
	switch {
	case err != nil:
		return fmt.Errorf("quiesce %s: %w", target, err)
	case got.status == http.StatusOK, got.status == http.StatusConflict:
		return nil
	case got.status == http.StatusUnauthorized:
		return cutover.Permanent(fmt.Errorf("quiesce %s: %w", target, errCredentials))
	case got.status == http.StatusBadRequest:
		return cutover.Permanent(fmt.Errorf("quiesce %s: the node does not understand the request: %s", target, got.why()))
	default:
		return fmt.Errorf("quiesce %s: %s (the quiesce port must be set, enabled, not suspended, with access mode allow)", target, got.why())
	}
}

// ensureQuiescePort creates, enables and sets the port as the vendor's cluster tutorial does. Every part may be
// repeated.
func (d *APIGateway) ensureQuiescePort(ctx context.Context, admin endpoint) error {
	const alias, pkg = "QuiescePort", "WmRoot"
	port := fmt.Sprint(d.QuiescePort)
	got, err := admin.call(ctx, http.MethodPost, "/rest/apigateway/ports",
		map[string]string{"factoryKey": "webMethods/HTTP", "pkg": pkg, "port": port, "portAlias": alias})
	if err := expect(got, err, http.StatusCreated, http.StatusOK, http.StatusConflict, http.StatusBadRequest); err != nil {
		return fmt.Errorf("create it: %w", err) // an existing port is refused with 400: whether it is good shows below
	}
	got, err = admin.call(ctx, http.MethodPut, "/rest/apigateway/ports/enable",
		map[string]string{"listenerKey": "HTTPListener@" + port, "pkg": pkg, "requestServiceStatus": ""})
	if err := expect(got, err, http.StatusOK); err != nil {
		return fmt.Errorf("enable it: %w", err)
	}
	got, err = admin.call(ctx, http.MethodPut, "/invoke/wm.server.quiesce/setQuiescePort", map[string]string{"portAlias": alias})
	if err := expect(got, err, http.StatusOK); err != nil {
		return fmt.Errorf("set it: %w", err)
	}
	return nil
}

func expect(got answer, err error, statuses ...int) error {
	switch {
	case err != nil:
		return err
	case got.status == http.StatusUnauthorized:
		return cutover.Permanent(errCredentials)
	case !slices.Contains(statuses, got.status):
		return fmt.Errorf("%s", got.why())
	}
	return nil
}

// Observe tells a node's workload from its mode, read on a port that survives quiescing, and from /health on the
// quiesce port, which answers 200 for as long as quiescing goes on. Silence alone proves nothing: a crash is silent
// too.
func (d *APIGateway) Observe(ctx context.Context, target string) (cutover.Observation, error) {
	place, err := d.Containers.Locate(ctx, target)
	if err != nil {
		return cutover.Observation{}, err
	}
	if died := d.diedQuiescing(target, place); died != "" {
		return cutover.Observation{Detail: died, Doomed: died}, nil
	}
	if !place.Running {
		return cutover.Observation{Detail: "the container does not run", Doomed: d.hopeless(target)}, nil
	}
	mode, err := d.mode(ctx, place)
	if err != nil {
		return cutover.Observation{}, fmt.Errorf("ask %s for its mode: %w", target, err)
	}
	if mode == modeActive {
		if since := d.Containers.QuiescedAt(target); !since.IsZero() && !place.StartedAt.After(since) {
			return cutover.Observation{Detail: "active, but a request to quiesce may still be under way"}, nil
		}
		ready, detail, err := d.Ready(ctx, target, place)
		if err != nil || !ready {
			return cutover.Observation{Detail: detail}, err
		}
		return cutover.Observation{State: cutover.Active, Detail: detail}, nil
	}
	survivor, err := d.at(place, d.QuiescePort)
	if err != nil {
		return cutover.Observation{}, err
	}
	health, err := survivor.call(ctx, http.MethodGet, "/rest/apigateway/health", nil)
	if err != nil {
		return cutover.Observation{}, fmt.Errorf("ask %s for its health on the quiesce port: %s", target, brief(err))
	}
	if health.status == http.StatusOK {
		return d.quiescing(ctx, survivor), nil
	}
	return cutover.Observation{State: cutover.Quiesced, Detail: fmt.Sprintf("mode QUIESCE, package disabled (%d)", health.status)}, nil
}

// canObserve makes sure, before a node is quiesced, that the port answers on which its end will be seen.
func (d *APIGateway) canObserve(ctx context.Context, place cutover.Place) error {
	survivor, err := d.at(place, d.QuiescePort)
	if err != nil {
		return cutover.Permanent(err)
	}
	health, err := survivor.call(ctx, http.MethodGet, "/rest/apigateway/health", nil)
	switch {
	case err != nil:
		return fmt.Errorf("health on the quiesce port %d: %s: it must be reachable from here, and its access mode allow", d.QuiescePort, brief(err))
	case health.status != http.StatusOK:
		return fmt.Errorf("health on the quiesce port %d: %s", d.QuiescePort, health.why())
	}
	return nil
}

// quiescing tells how far a node has come whose package still answers. Its status is documented for designtime only,
// so that only a plain failure is believed.
func (d *APIGateway) quiescing(ctx context.Context, survivor endpoint) cutover.Observation {
	seen := cutover.Observation{Detail: "quiescing: requests in flight and flush"}
	got, err := survivor.call(ctx, http.MethodGet, "/rest/apigateway/quiescemode", nil)
	if err != nil || got.status != http.StatusOK {
		return seen
	}
	var said struct {
		Status        string `json:"status"`
		FailureReason string `json:"failureReason"`
	}
	if got.decode(&said) == nil && said.Status == "failure" {
		seen.Doomed = "quiescing failed: " + said.FailureReason
	}
	return seen
}

// mode asks on the diagnostic port, which has threads of its own, and on the quiesce port where that is shut.
func (d *APIGateway) mode(ctx context.Context, place cutover.Place) (string, error) {
	var last error
	for _, port := range []int{d.DiagnosticPort, d.QuiescePort, d.AdminPort} {
		at, err := d.at(place, port)
		if err != nil {
			last = err
			continue
		}
		got, err := at.call(ctx, http.MethodGet, "/invoke/wm.server.quiesce/getCurrentMode", nil)
		switch {
		case err != nil:
			last = err
		case got.status == http.StatusUnauthorized:
			return "", errCredentials
		case got.status != http.StatusOK:
			last = fmt.Errorf("getCurrentMode on port %d: %s", port, got.why())
		default:
			return decodeMode(got)
		}
	}
	return "", last
}

// decodeMode reads either of the two fields that have been seen in this answer.
func decodeMode(got answer) (string, error) {
	var said struct {
		Mode          string `json:"mode"`
		IsQuiesceMode any    `json:"isQuiesceMode"`
	}
	if err := got.decode(&said); err != nil {
		return "", err
	}
	switch {
	case said.Mode == modeActive, said.Mode == modeQuiesce:
		return said.Mode, nil
	case said.Mode == "" && fmt.Sprint(said.IsQuiesceMode) == "true":
		return modeQuiesce, nil
	case said.Mode == "" && fmt.Sprint(said.IsQuiesceMode) == "false":
		return modeActive, nil
	}
	return "", fmt.Errorf("getCurrentMode: unknown mode in %s", got.why())
}

// remember keeps the life in which a target was first asked to quiesce.
func (d *APIGateway) remember(target string, place cutover.Place) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.lives[target]; !known {
		d.lives[target] = place.StartedAt
	}
}

// diedQuiescing says so when the life in which a target was asked to quiesce is over.
func (d *APIGateway) diedQuiescing(target string, place cutover.Place) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	began, asked := d.lives[target]
	if !asked || (place.Running && place.StartedAt.Equal(began)) {
		return ""
	}
	return "the container stopped while it was quiescing: metrics, licence and quota data since the last flush may be lost"
}

// wants is called when a target is asked to quiesce, forget when a new life is wanted.
func (d *APIGateway) wants(target string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.quiesce[target] = true
}

func (d *APIGateway) forget(target string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.lives, target)
	delete(d.quiesce, target)
}

// hopeless says why a container that does not run can't be quiesced any more, if that is what is wanted.
func (d *APIGateway) hopeless(target string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.quiesce[target] {
		return ""
	}
	return "the container does not run: metrics, licence and quota data since the last flush are lost"
}

var _ Driver = (*APIGateway)(nil)
