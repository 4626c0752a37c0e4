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

// Observe tells a node's workload from its mode, read on a port that survives quiescing, and from /health on the
// quiesce port, which answers 200 for as long as quiescing goes on. Silence alone proves nothing: a crash is silent
// too.
func (d *APIGateway) Observe(ctx context.Context, target string) (cutover.Observation, error) {
	place, err := d.Containers.Locate(ctx, target)
	if err != nil {
		return cutover.Observation{}, err
	}
	asked := d.request(target)
	if asked.quiesce && d.Drain > 0 && !place.Running {
		return d.drained(target, place), nil
	}
	if died := asked.died(place); died != "" {
		return cutover.Observation{Detail: died, Doomed: died}, nil
	}
	if !place.Running {
		return cutover.Observation{Detail: "the container does not run"}, nil
	}
	mode, err := d.mode(ctx, place)
	if err != nil {
		return cutover.Observation{}, fmt.Errorf("ask %s for its mode: %w", target, err)
	}
	if asked.quiesce {
		if gone, err := d.othersActive(ctx, target); gone != "" || err != nil {
			return cutover.Observation{Detail: gone, Doomed: gone}, err
		}
	}
	if mode == modeActive {
		return d.observeActive(ctx, target, place, asked)
	}
	return d.observeQuiesce(ctx, target, place, asked)
}

// drained is what was seen of a node that was asked to shut down, by this process or by one before it, and has ended.
func (d *APIGateway) drained(target string, place cutover.Place) cutover.Observation {
	const bySignal, terminated = 128, 143
	seen := cutover.Observation{State: cutover.Quiesced, Detail: "drained and ended"}
	switch {
	case place.ID == "":
		return cutover.Observation{Detail: "it is not there any more", Doomed: "it is not there any more: somebody has removed it"}
	case d.endedBefore(target, place):
		ended := "it had ended before it was asked to drain: metrics, licence and quota data may be lost"
		return cutover.Observation{Detail: ended, Doomed: ended}
	case place.ExitCode > bySignal && place.ExitCode != terminated:
		died := fmt.Sprintf("it ended with exit code %d while it drained: metrics, licence and quota data may be lost", place.ExitCode)
		return cutover.Observation{Detail: died, Doomed: died}
	case place.ExitCode != 0 && place.ExitCode != terminated:
		seen.Warning = fmt.Sprintf("it ended with exit code %d after it was asked to drain", place.ExitCode)
	}
	return seen
}

// endedBefore reports whether a node that has ended had done so when it was first asked to drain.
func (d *APIGateway) endedBefore(target string, place cutover.Place) bool {
	if d.Containers.QuiesceBegan == nil {
		return false
	}
	began := d.Containers.QuiesceBegan(target)
	if began.Life != "" {
		return began.Life == cutover.NoLife
	}
	return place.EndedAt.Before(began.At)
}

// died says so when the life in which a target was asked to quiesce is over.
func (r *request) died(place cutover.Place) string {
	switch {
	case !r.quiesce:
		return ""
	case r.life == "" && !place.Running:
		return "the container does not run: metrics, licence and quota data since the last flush are lost"
	case r.life == "", place.Running && place.Life == r.life:
		return ""
	}
	return "the container stopped while it was quiescing: metrics, licence and quota data since the last flush may be lost"
}

func (d *APIGateway) observeActive(ctx context.Context, target string, place cutover.Place, asked *request) (cutover.Observation, error) {
	if d.quiescedNow(target, place) {
		if asked.quiesce && d.Drain > 0 {
			return cutover.Observation{Detail: "draining: " + d.busy(ctx, place)}, nil
		}
		return cutover.Observation{Detail: "active, but a request to quiesce may still be under way"}, nil
	}
	for _, peer := range slices.Sorted(maps.Keys(asked.fallout)) {
		if !asked.fallout[peer].woken {
			return cutover.Observation{Detail: peer + ", which left active with it, is restarted"}, nil
		}
		at, err := d.Containers.Locate(ctx, peer)
		if err != nil {
			return cutover.Observation{}, err
		}
		if ready, detail, err := d.Ready(ctx, peer, at); err != nil || !ready {
			return cutover.Observation{Detail: peer + ", which left active with it, is not ready again: " + oneLine(detail)}, err
		}
	}
	clear(asked.fallout) // they are what they were; what becomes of them is no longer this node's affair
	if d.Freeze {
		if frozen, detail := d.frozen(ctx, place); frozen != "" {
			return cutover.Observation{State: frozen, Detail: detail}, nil
		} else if detail != "" {
			return cutover.Observation{Detail: detail}, nil
		}
	}
	ready, detail, err := d.Ready(ctx, target, place)
	if err != nil || !ready {
		return cutover.Observation{Detail: oneLine(detail)}, err
	}
	return cutover.Observation{State: cutover.Active, Detail: oneLine(detail)}, nil
}

// frozen tells whether changes are blocked. A status that is not success says that it is not over.
func (d *APIGateway) frozen(ctx context.Context, place cutover.Place) (state cutover.State, detail string) {
	admin, err := d.at(place, d.AdminPort)
	if err != nil {
		return "", err.Error()
	}
	got, err := admin.call(ctx, http.MethodGet, "/rest/apigateway/quiescemode", nil)
	if err != nil || got.status != http.StatusOK {
		return "", "whether changes are blocked could not be told"
	}
	var said quiesceStatus
	if err := got.decode(&said); err != nil {
		return "", err.Error()
	}
	switch {
	case !said.Enable.yes():
		return "", ""
	case said.Status == "success":
		return cutover.Frozen, "changes are blocked"
	case said.Status == "failure":
		return "", "blocking changes failed: " + string(said.Reason)
	}
	return "", "changes are being blocked"
}

type quiesceStatus struct {
	Enable loose `json:"enable"`
	Status loose `json:"status"`
	Reason loose `json:"failureReason"`
}

// observeQuiesce looks at a node whose mode is QUIESCE. The tutorial takes any answer but 200 for the end, and none too;
// that its mode was told on another port, in the same life, is what tells it from a crash.
func (d *APIGateway) observeQuiesce(ctx context.Context, target string, place cutover.Place, asked *request) (cutover.Observation, error) {
	survivor, err := d.at(place, d.QuiescePort)
	if err != nil {
		return cutover.Observation{}, err
	}
	health, err := survivor.call(ctx, http.MethodGet, "/rest/apigateway/health", nil)
	said := ""
	switch {
	case err != nil && (!cutOff(err) || !asked.observable):
		return cutover.Observation{}, fmt.Errorf("ask %s for its health on the quiesce port: %s", target, brief(err))
	case err != nil:
		said = brief(err)
	case health.status == http.StatusOK:
		return d.quiescing(ctx, survivor), nil
	default:
		said = fmt.Sprint(health.status)
	}
	return d.idle(ctx, place, cutover.Observation{State: cutover.Quiesced, Detail: "mode QUIESCE, package disabled (" + said + ")"})
}

// quiescing tells how far a node has come whose package still answers. Its status is documented for designtime only,
// so that only a plain failure is believed.
func (d *APIGateway) quiescing(ctx context.Context, survivor endpoint) cutover.Observation {
	seen := cutover.Observation{Detail: "quiescing: requests in flight and flush"}
	got, err := survivor.call(ctx, http.MethodGet, "/rest/apigateway/quiescemode", nil)
	if err != nil || got.status != http.StatusOK {
		return seen
	}
	var said quiesceStatus
	if got.decode(&said) == nil && said.Status == "failure" {
		seen.Doomed = "quiescing failed: " + string(said.Reason)
	}
	return seen
}

// busy is what a node that drains still does, for people.
func (d *APIGateway) busy(ctx context.Context, place cutover.Place) string {
	names, err := d.running(ctx, place)
	if err != nil {
		return "what it still does is not told"
	}
	return "running: " + several(names)
}

// othersActive makes sure that quiescing is this node's alone: the vendor's documents contradict each other on that.
// gone names the others that left active with it.
func (d *APIGateway) othersActive(ctx context.Context, target string) (gone string, err error) {
	names, err := d.peersLeft(ctx, target)
	if err != nil || len(names) == 0 {
		return "", err
	}
	d.takesAll = true
	return fmt.Sprintf("%s %s: on this version quiesce mode is not one node's; retire nodes with driver.quiesce: drain", strings.Join(names, ", "), leftActive), nil
}

const leftActive = "left active with it"

// takesOthers reports whether quiescing a node was seen to take others out of service, in this process or before the
// run turned round.
func (d *APIGateway) takesOthers() bool {
	return d.takesAll || (d.Containers.Turned != nil && strings.Contains(d.Containers.Turned(), leftActive))
}

// peersLeft names the running peers that are in quiesce mode although they were not asked to be. The error says whose
// mode could not be told.
func (d *APIGateway) peersLeft(ctx context.Context, target string) (names []string, failed error) {
	if d.Containers.Peers == nil {
		return nil, nil
	}
	for _, peer := range d.Containers.Peers(target) {
		place, err := d.Containers.Locate(ctx, peer.Name)
		if err != nil {
			failed = err
			continue
		}
		if !place.Running || d.quiescedNow(peer.Name, place) {
			continue
		}
		mode, err := d.mode(ctx, place)
		switch {
		case err != nil:
			failed = fmt.Errorf("ask %s for its mode, to see that it stays active: %w", peer.Name, err)
		case mode == modeQuiesce:
			names = append(names, peer.Name)
		}
	}
	if len(names) > 0 {
		failed = nil
	}
	return names, failed
}
