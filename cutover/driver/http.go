package driver

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/cutover/cutover/cutover"
)

// HTTP drives any server that has a readiness URL and, if it holds something in memory, a URL that makes it let go.
type HTTP struct {
	Port        int
	ReadyPath   string
	ReadyStatus int    // default 200
	QuiescePath string // POST; empty: nothing to quiesce
	DonePath    string // GET: 200 when quiescing is over
	CountPath   string // GET: the number of requests in flight, as text; empty: it does not tell
	Containers  Containers

	client  func() *http.Client
	quiesce map[string]bool // targets that were asked to quiesce, and not to come back since
}

// NewHTTP fills in what is not given.
func NewHTTP(d HTTP) *HTTP {
	if d.ReadyStatus == 0 {
		d.ReadyStatus = http.StatusOK
	}
	d.client, d.quiesce = sync.OnceValue(func() *http.Client { return newClient(nil) }), map[string]bool{}
	return &d
}

// Ready asks the readiness URL.
func (d *HTTP) Ready(ctx context.Context, _ string, place cutover.Place) (bool, string, error) {
	at, err := endpointAt(d.client(), "http", place, d.Port, "", "")
	if err != nil {
		return false, "", err
	}
	got, err := at.call(ctx, http.MethodGet, d.ReadyPath, nil)
	if err != nil {
		return false, d.ReadyPath + ": " + brief(err), nil
	}
	return got.status == d.ReadyStatus, fmt.Sprintf("%s: %d", d.ReadyPath, got.status), nil
}

// InFlight implements Counter.
func (d *HTTP) InFlight(ctx context.Context, place cutover.Place) (n int, told bool, err error) {
	if d.CountPath == "" {
		return 0, false, nil
	}
	at, err := endpointAt(d.client(), "http", place, d.Port, "", "")
	if err != nil {
		return 0, false, err
	}
	got, err := at.call(ctx, http.MethodGet, d.CountPath, nil)
	if err == nil && got.status != http.StatusOK {
		err = fmt.Errorf("%s", got.why())
	}
	if err == nil {
		err = got.decode(&n)
	}
	if err != nil {
		return 0, false, fmt.Errorf("ask %s for the requests in flight: %w", d.CountPath, err)
	}
	return n, true, nil
}

// Procedure has quiesced where a URL for it is configured.
func (d *HTTP) Procedure([]Facts) Procedure {
	p := Procedure{Readiness: "its readiness URL", Prepares: "quiesce: let go of what it holds in memory"}
	if d.QuiescePath != "" {
		p.Ladder = []cutover.State{cutover.Active, cutover.Quiesced}
	}
	return p
}

// Survey asks the readiness URL of a container that serves.
func (d *HTTP) Survey(ctx context.Context, target string, place cutover.Place) (Facts, []error) {
	ready, detail, err := d.Ready(ctx, target, place)
	switch {
	case err != nil:
		return Facts{}, []error{fmt.Errorf("%s: %w", target, err)}
	case !ready:
		return Facts{}, []error{fmt.Errorf("%s serves, but by driver.ready it is not ready (%s): check driver.port, driver.ready and driver.expect", target, detail)}
	}
	return Facts{}, nil
}

// Set posts to the quiesce URL, or restarts the container, which is the way back.
func (d *HTTP) Set(ctx context.Context, target string, want cutover.State) error {
	d.quiesce[target] = want == cutover.Quiesced
	if want == cutover.Active {
		return wakeByRestart(ctx, d.Containers, target)
	}
	at, err := d.at(ctx, target)
	if err != nil {
		return err
	}
	got, err := at.call(ctx, http.MethodPost, d.QuiescePath, nil)
	switch {
	case err != nil:
		return fmt.Errorf("quiesce %s: %w", target, err)
	case got.status >= 400 && got.status < 500 && got.status != http.StatusConflict:
		return cutover.NoEffect(cutover.Permanent(fmt.Errorf("quiesce %s: %s", target, got.why())))
	case got.status >= 500:
		return fmt.Errorf("quiesce %s: %s", target, got.why())
	}
	return nil
}

// Observe asks the done URL.
func (d *HTTP) Observe(ctx context.Context, target string) (cutover.Observation, error) {
	place, err := d.Containers.Locate(ctx, target)
	if err != nil {
		return cutover.Observation{}, err
	}
	if !place.Running {
		seen := cutover.Observation{Detail: "the container does not run"}
		if d.quiesce[target] {
			seen.Doomed = "the container does not run: what it held in memory is lost"
		}
		return seen, nil
	}
	at, err := endpointAt(d.client(), "http", place, d.Port, "", "")
	if err != nil {
		return cutover.Observation{}, err
	}
	got, err := at.call(ctx, http.MethodGet, d.DonePath, nil)
	if err != nil {
		return cutover.Observation{}, fmt.Errorf("look at %s: %w", target, err)
	}
	detail := fmt.Sprintf("%s: %d", d.DonePath, got.status)
	if got.status == http.StatusOK {
		return cutover.Observation{State: cutover.Quiesced, Detail: detail}, nil
	}
	if since := d.Containers.QuiescedAt(target); !since.IsZero() && !since.Before(place) {
		return cutover.Observation{Detail: detail + ", but a request to quiesce may still be under way"}, nil
	}
	ready, why, err := d.Ready(ctx, target, place)
	if err != nil || !ready {
		return cutover.Observation{Detail: why}, err
	}
	return cutover.Observation{State: cutover.Active, Detail: why}, nil
}

func (d *HTTP) at(ctx context.Context, target string) (endpoint, error) {
	place, err := running(ctx, d.Containers, target)
	if err != nil {
		return endpoint{}, err
	}
	return endpointAt(d.client(), "http", place, d.Port, "", "")
}
