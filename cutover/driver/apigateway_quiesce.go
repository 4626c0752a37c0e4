package driver

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/cutover/cutover/cutover"
)

// Set freezes a node, quiesces it with flush, or gets it back to work. It may be repeated: 409 means that it has begun. A
// new node that does not run is left so.
func (d *APIGateway) Set(ctx context.Context, target string, want cutover.State) error {
	if want == cutover.Quiesced {
		return d.quiesce(ctx, target)
	}
	place, err := d.Containers.Locate(ctx, target)
	if err != nil {
		return err
	}
	if !place.Running && d.isNew(target) { // on the way back: started again, it would work beside the old one
		return cutover.Permanent(fmt.Errorf("%s does not run: metrics, licence and quota data since its last flush are lost", target))
	}
	d.forget(target)
	if err := d.wakeFallout(ctx, target); err != nil {
		return err
	}
	if !place.Running || d.quiescedNow(target, place) {
		return d.Containers.Restart(ctx, target, d.Containers.QuiescedAt(target))
	}
	if mode, err := d.mode(ctx, place); err == nil && mode == modeQuiesce {
		return d.Containers.Restart(ctx, target, place.Moment()) // nobody asked it to be
	}
	if !d.Freeze {
		return nil
	}
	return d.freeze(ctx, target, place, want == cutover.Frozen)
}

// freeze blocks changes of the configuration, or lets them through again.
func (d *APIGateway) freeze(ctx context.Context, target string, place cutover.Place, on bool) error {
	admin, err := d.at(place, d.AdminPort)
	if err != nil {
		return cutover.Permanent(err)
	}
	if on {
		// Whether a frozen node lets ports be created is not documented; webhooks are configuration.
		if err := d.ensureQuiescePort(ctx, admin); err != nil {
			return fmt.Errorf("freeze %s: prepare the quiesce port %d: %w", target, d.QuiescePort, err)
		}
		d.listen(ctx, admin)
	}
	got, err := admin.call(ctx, http.MethodPut, "/rest/apigateway/quiescemode", map[string]any{"block": "designtime", "enable": on})
	return accepted("block or unblock changes of "+target, got, err)
}

// quiesce blocks everything, flushes, and disables the package: the way back is a restart.
func (d *APIGateway) quiesce(ctx context.Context, target string) error {
	asked := d.request(target)
	place, err := running(ctx, d.Containers, target)
	if err != nil {
		again := asked.quiesce
		asked.quiesce = true
		if d.Drain > 0 && again {
			return nil // whether it has drained and ended is for Observe to say
		}
		return cutover.NoEffect(fmt.Errorf("quiesce %s: %w", target, err))
	}
	if asked.life == "" {
		asked.life = place.Life
		if d.diedBefore(target, place) {
			asked.life = "an earlier one"
		}
	}
	asked.quiesce = true
	if d.Drain > 0 {
		return d.shutDown(ctx, target, place)
	}
	if mode, err := d.mode(ctx, place); err == nil && mode == modeQuiesce {
		return nil // it has begun: from here on only the surviving ports answer
	}
	if d.takesOthers() {
		return cutover.NoEffect(cutover.Permanent(fmt.Errorf("%s is not quiesced, because that would take the other nodes out of service too: what it counted since its last flush may be lost", target)))
	}
	admin, err := d.at(place, d.AdminPort)
	if err != nil {
		return cutover.NoEffect(cutover.Permanent(fmt.Errorf("quiesce %s: %w", target, err)))
	}
	if err := d.ensureQuiescePort(ctx, admin); err != nil {
		return cutover.NoEffect(fmt.Errorf("quiesce %s: prepare the quiesce port %d: %w", target, d.QuiescePort, err))
	}
	if err := d.canObserve(ctx, place); err != nil {
		return cutover.NoEffect(fmt.Errorf("quiesce %s: its end could not be observed: %w", target, err))
	}
	asked.observable = true
	d.listen(ctx, admin)
	flush := d.Flush
	if len(flush) == 0 {
		flush = []string{"license_metrics", "performance_metrics", "subscription_quota"}
	}
	got, err := admin.call(ctx, http.MethodPut, "/rest/apigateway/quiescemode",
		map[string]any{"block": "all", "flush": flush, "enable": true})
	switch {
	case err == nil && got.status == http.StatusNotFound && (d.facts(target).NoQuiesceAll || d.isNew(target)):
		return d.beginQuiesce(ctx, target, place, 1) // a version without quiescemode, as the plan says
	case err == nil && got.status == http.StatusInternalServerError:
		return fmt.Errorf("quiesce %s: %s (the quiesce port must be set, enabled, not suspended, with access mode allow)", target, got.why())
	}
	return accepted("quiesce "+target, got, err)
}

// accepted reads the answer of quiescemode.
func accepted(doing string, got answer, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", doing, err)
	case got.status == http.StatusOK, got.status == http.StatusConflict: // 409: it is in effect already
		return nil
	case got.status == http.StatusUnauthorized:
		return cutover.NoEffect(cutover.Permanent(fmt.Errorf("%s: %w", doing, errPrivilege)))
	case got.status == http.StatusBadRequest:
		return cutover.NoEffect(cutover.Permanent(fmt.Errorf("%s: the node does not understand the request: %s", doing, got.why())))
	case got.status == http.StatusNotFound:
		return cutover.NoEffect(fmt.Errorf("%s: %s", doing, got.why()))
	default:
		return fmt.Errorf("%s: %s", doing, got.why())
	}
}

// shutDown asks once in a life: the vendor's other procedure, which waits for client sessions and then ends.
func (d *APIGateway) shutDown(ctx context.Context, target string, place cutover.Place) error {
	if d.request(target).sent {
		return nil
	}
	if d.Containers.KeepDown != nil {
		if err := d.Containers.KeepDown(ctx, target); err != nil {
			return err
		}
	}
	admin, err := d.at(place, d.AdminPort)
	if err != nil {
		return cutover.Permanent(fmt.Errorf("shut %s down: %w", target, err))
	}
	got, err := admin.call(ctx, http.MethodPost, "/rest/apigateway/shutdown",
		map[string]any{"bounce": false, "option": "drain", "timeout": d.Drain, "quiesce": false})
	if err := accepted("shut "+target+" down", got, err); err != nil {
		return err
	}
	d.request(target).sent = true
	return nil
}

// wakeFallout gives every other node a new life that left active when this one was quiesced: on a version where the
// mode is the cluster's they all did, and nobody else would bring them back.
func (d *APIGateway) wakeFallout(ctx context.Context, target string) error {
	if d.Containers.QuiescedAt(target).IsZero() {
		return nil
	}
	gone, _ := d.peersLeft(ctx, target) // whose mode can't be told now is asked again
	fallout := d.request(target).fallout
	for _, peer := range gone {
		d.takesAll = true
		if fallout[peer] == nil {
			place, err := d.Containers.Locate(ctx, peer)
			if err != nil {
				return err
			}
			fallout[peer] = &fallen{since: place.Moment()}
		}
	}
	for _, peer := range slices.Sorted(maps.Keys(fallout)) {
		if err := d.wake(ctx, peer, fallout[peer]); err != nil {
			return err
		}
	}
	return nil
}

// wake gives one of them a new life.
func (d *APIGateway) wake(ctx context.Context, peer string, f *fallen) error {
	if f.woken {
		return nil
	}
	if err := d.Containers.Restart(ctx, peer, f.since); err != nil {
		return err
	}
	place, err := d.Containers.Locate(ctx, peer)
	if err != nil || !place.Running || !f.since.Before(place) {
		return err
	}
	if d.Containers.Moved != nil {
		if err := d.Containers.Moved(ctx, peer); err != nil {
			return err
		}
	}
	f.woken = true
	return nil
}

// ensureQuiescePort creates, enables and sets the port as the vendor's cluster tutorial does. Every part may be
// repeated.
func (d *APIGateway) ensureQuiescePort(ctx context.Context, admin endpoint) error {
	const alias, pkg = "QuiescePort", "WmRoot"
	number := fmt.Sprint(d.QuiescePort)
	there, found, err := d.quiescePort(ctx, admin)
	if err != nil {
		return fmt.Errorf("look for it: %w", err)
	}
	if !found {
		there = port{Alias: alias, Package: pkg}
		got, err := admin.call(ctx, http.MethodPost, "/rest/apigateway/ports",
			map[string]string{"factoryKey": "webMethods/HTTP", "pkg": pkg, "port": number, "portAlias": alias})
		// An existing port is refused with 400: whether it is good shows below.
		if err := expect(got, err, http.StatusCreated, http.StatusOK, http.StatusConflict, http.StatusBadRequest); err != nil {
			return fmt.Errorf("create it: %w", err)
		}
	}
	if !there.Enabled.yes() {
		got, err := admin.call(ctx, http.MethodPut, "/rest/apigateway/ports/enable",
			map[string]string{"listenerKey": "HTTPListener@" + number, "pkg": string(there.Package), "requestServiceStatus": ""})
		if err := expect(got, err, http.StatusOK); err != nil {
			return fmt.Errorf("enable it: %w", err)
		}
	}
	got, err := admin.call(ctx, http.MethodPut, "/invoke/wm.server.quiesce/setQuiescePort", map[string]string{"portAlias": string(there.Alias)})
	if err := expect(got, err, http.StatusOK); err != nil {
		return fmt.Errorf("set it: %w", err)
	}
	var set struct {
		Message loose `json:"message"`
	}
	if got.decode(&set) == nil && strings.EqualFold(string(set.Message), "INVALID") {
		return fmt.Errorf("set it: %s", got.why())
	}
	return nil
}

func expect(got answer, err error, statuses ...int) error {
	switch {
	case err != nil:
		return err
	case got.status == http.StatusUnauthorized:
		return cutover.Permanent(errPrivilege)
	case !slices.Contains(statuses, got.status):
		return fmt.Errorf("%s", got.why())
	}
	return nil
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

// request is what is remembered of a target.
func (d *APIGateway) request(target string) *request {
	if d.requests[target] == nil {
		d.requests[target] = &request{fallout: map[string]*fallen{}}
	}
	return d.requests[target]
}

// forget is called when a target is wanted at work again in the life that it is in.
func (d *APIGateway) forget(target string) {
	fallout := d.request(target).fallout
	d.requests[target] = &request{fallout: fallout}
}
