package driver

import (
	"context"
	"errors"
	"fmt"

	"github.com/cutover/cutover/cutover"
)

// IntegrationServer drives webMethods Integration Server and Microservices Runtime. The facts it rests on are those of
// their documentation (Quiescing the Server; Built-In Services Reference; Administrator REST API).
type IntegrationServer struct {
	Server
	Minutes   int      // how long a server may wait for running services before it disables packages; default 1
	MayDiffer []string // files outside the data store that may differ from the old node's
}

// NewIntegrationServer fills in what is not given.
func NewIntegrationServer(d *IntegrationServer) *IntegrationServer {
	d.init()
	if d.Minutes == 0 {
		d.Minutes = 1
	}
	return d
}

// Procedure says how these servers are retired.
func (d *IntegrationServer) Procedure([]Facts) Procedure {
	return Procedure{
		Ladder:    []cutover.State{cutover.Active, cutover.Quiesced},
		Prepares:  fmt.Sprintf("quiesce: suspend triggers and tasks, up to %d min for services", d.Minutes),
		Readiness: "health, mode, cluster, packages, scheduler name, files",
	}
}

// Set quiesces a server, or takes it back to work. Both may be repeated.
func (d *IntegrationServer) Set(ctx context.Context, target string, want cutover.State) error {
	place, err := d.Containers.Locate(ctx, target)
	if err != nil {
		return err
	}
	if want == cutover.Quiesced {
		return d.quiesce(ctx, target, place)
	}
	delete(d.asked, target)
	if !place.Running {
		return d.Containers.Restart(ctx, target, d.Containers.QuiescedAt(target))
	}
	mode, err := d.mode(ctx, place)
	if err != nil {
		return fmt.Errorf("wake %s: %w", target, err)
	}
	if mode == modeActive {
		return nil
	}
	err = d.setActiveMode(ctx, place)
	if err == nil || Silent(err) || cutover.IsPermanent(err) {
		return err // a server that is slow to enable its packages is asked again
	}
	// What it refuses to undo is left behind by a new life.
	return errors.Join(fmt.Errorf("wake %s: %w; it is restarted", target, err), d.Containers.Restart(ctx, target, place.Moment()))
}

func (d *IntegrationServer) quiesce(ctx context.Context, target string, place cutover.Place) error {
	if d.asked[target] == "" {
		d.asked[target] = place.Life
		if !place.Running || d.diedBefore(target, place) {
			d.asked[target] = "an earlier one"
		}
	}
	if !place.Running {
		return fmt.Errorf("quiesce %s: it does not run", target)
	}
	if err := d.ensureQuiescePort(ctx, place); err != nil {
		return fmt.Errorf("quiesce %s: %w", target, err)
	}
	return d.beginQuiesce(ctx, target, place, d.Minutes)
}

// ensureQuiescePort makes the port of the configuration the quiesce port, if none is set. It must exist: define it in
// the image.
func (d *IntegrationServer) ensureQuiescePort(ctx context.Context, place cutover.Place) error {
	alias, told, err := d.quiesceAlias(ctx, place)
	if err != nil || alias != "" || !told {
		return err
	}
	candidate, err := d.quiesceCandidate(ctx, place)
	if err != nil {
		return err
	}
	var said quiesceReport
	if err := d.invoke(ctx, place, "wm.server.quiesce:setQuiescePort", map[string]string{"portAlias": string(candidate.Alias)}, &said); err != nil {
		return err
	}
	return said.refused()
}

// quiesceAlias is the alias of the quiesce port, or "" when none is set. Where only WmAdmin is left it is not told:
// quiescing itself says whether there is one.
func (d *IntegrationServer) quiesceAlias(ctx context.Context, place cutover.Place) (alias string, told bool, err error) {
	var said struct {
		Alias loose `json:"portAlias"`
	}
	err = d.invoke(ctx, place, "wm.server.quiesce:getQuiescePort", nil, &said)
	if errors.Is(err, errMissing) {
		return "", false, nil
	}
	return string(said.Alias), err == nil, err
}

// quiesceCandidate is the port that is the quiesce port, or, as long as none is, the one with the number of
// driver.quiesce_port.
func (d *IntegrationServer) quiesceCandidate(ctx context.Context, place cutover.Place) (port, error) {
	alias, _, err := d.quiesceAlias(ctx, place)
	if err != nil {
		return port{}, err
	}
	ports, err := d.ports(ctx, place)
	if err != nil {
		return port{}, err
	}
	for _, p := range ports {
		if (alias != "" && string(p.Alias) == alias) || (alias == "" && p.Port.number() == d.QuiescePort) {
			return p, nil
		}
	}
	return port{}, fmt.Errorf("no quiesce port is set, and there is no port %d to set as one: define it in WmRoot or WmPublic, in the image (a port that is created now would go with the container)", d.QuiescePort)
}

// Observe tells a server's workload: quiesced when its mode says so, the request to quiesce has been answered, and
// nothing runs any more.
func (d *IntegrationServer) Observe(ctx context.Context, target string) (cutover.Observation, error) {
	place, err := d.Containers.Locate(ctx, target)
	if err != nil {
		return cutover.Observation{}, err
	}
	if life := d.asked[target]; life != "" && (!place.Running || place.Life != life) {
		died := "the container stopped while it was quiescing: what its triggers and services were doing was cut off"
		return cutover.Observation{Detail: died, Doomed: died}, nil
	}
	if !place.Running {
		return cutover.Observation{Detail: "the container does not run"}, nil
	}
	mode, err := d.mode(ctx, place)
	if err != nil {
		return cutover.Observation{}, fmt.Errorf("ask %s for its mode: %w", target, err)
	}
	under := d.mayStillQuiesce(target, place, d.Minutes)
	switch {
	case mode == modeQuiesce && under:
		names, _ := d.running(ctx, place) // for people
		return cutover.Observation{Detail: "quiescing, running: " + several(names)}, nil
	case mode == modeQuiesce:
		return d.idle(ctx, place, cutover.Observation{State: cutover.Quiesced, Detail: "mode QUIESCE"})
	case under:
		return cutover.Observation{Detail: "active, but a request to quiesce is still under way"}, nil
	}
	ready, detail, err := d.Ready(ctx, target, place)
	if err != nil || !ready {
		return cutover.Observation{Detail: oneLine(detail)}, err
	}
	return cutover.Observation{State: cutover.Active, Detail: oneLine(detail)}, nil
}

var (
	_ Driver   = (*IntegrationServer)(nil)
	_ Stopper  = (*IntegrationServer)(nil)
	_ Consumer = (*IntegrationServer)(nil)
)
