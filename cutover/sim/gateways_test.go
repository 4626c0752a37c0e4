package sim_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cutover/cutover/cutover"
)

// gateways is the workload ladder: what is quiesced comes back by a restart only.
type gateways struct {
	*proc
	containers *containers
}

// speak asks the gateway in a container for something; what is under way dies with its life.
func (p *proc) speak(ctx context.Context, c *container, what string, do func(*container)) error {
	life, target := c.life, c.name
	return p.ask(ctx, fmt.Sprintf("gateway %s %d", target, life), p.name+" "+what+" "+target, false, func() error {
		c := p.container(target)
		if c == nil || !c.running || c.life != life || c.ending {
			return errors.New("connection refused")
		}
		do(c)
		return nil
	})
}

// Set asks for one rung.
func (g *gateways) Set(ctx context.Context, target string, want cutover.State) error {
	c, err := g.inspect(ctx, target)
	switch {
	case err != nil:
		return err
	case c == nil:
		return fmt.Errorf("no such container: %s", target)
	case want == cutover.Quiesced && g.wrongPassword:
		return cutover.NoEffect(cutover.Permanent(errors.New("401: wrong password")))
	case (want == cutover.Quiesced || c.fresh) && !c.running:
		return cutover.NoEffect(errors.New("it does not run")) // a new one never comes back from a higher rung
	case want == cutover.Quiesced:
		return g.speak(ctx, c, "quiesces", (*container).quiesce)
	}
	since := g.session.last.QuiescedAt(target)
	switch {
	case !c.running, !since.IsZero() && !lives(c, since):
		return g.containers.renew(ctx, c, since)
	case c.mode == "" || c.mode == cutover.Quiesced:
		return g.containers.renew(ctx, c, c.place().Moment())
	}
	return g.speak(ctx, c, "makes "+string(want), func(c *container) {
		if c.mode == cutover.Active || c.mode == cutover.Frozen {
			c.mode = want
		}
	})
}

// Observe asks the gateway.
func (g *gateways) Observe(ctx context.Context, target string) (cutover.Observation, error) {
	c, err := g.inspect(ctx, target)
	switch since := g.session.last.QuiescedAt(target); {
	case err != nil:
		return cutover.Observation{}, err
	case c == nil || !c.running:
		return cutover.Observation{Detail: "it does not run"}, nil
	case c.mode == "":
		return cutover.Observation{Detail: "flushing"}, nil
	case c.mode != cutover.Quiesced && !since.IsZero() && !lives(c, since) && g.session.last.Direction == cutover.Back && c.ending:
		return cutover.Observation{Detail: "it ends"}, nil
	case c.mode == cutover.Active && !c.ready:
		return cutover.Observation{Detail: "it starts"}, nil
	}
	return cutover.Observation{State: c.mode}, nil
}

// consumption is the ladder of what works without a load balancer.
type consumption struct {
	*proc
	containers *containers
}

// Set asks for one rung. A start makes everything work, so the engine must not start what is suspended by itself.
func (k consumption) Set(ctx context.Context, target string, want cutover.State) error {
	c, err := k.inspect(ctx, target)
	if err == nil && c != nil {
		err = k.containers.setPolicy(ctx, c, k.restarts && want == cutover.Consuming)
	}
	switch {
	case err != nil:
		return err
	case (c == nil || !c.running) && want == cutover.Suspended:
		return nil // it consumes nothing, and stays so
	case c == nil || !c.running:
		return errors.New("it does not run")
	}
	return k.speak(ctx, c, "makes consumers "+string(want), func(c *container) { c.consumes = want == cutover.Consuming })
}

// Observe asks the gateway.
func (k consumption) Observe(ctx context.Context, target string) (cutover.Observation, error) {
	c, err := k.inspect(ctx, target)
	if err != nil {
		return cutover.Observation{}, err
	}
	if c != nil && c.consuming() {
		return cutover.Observation{State: cutover.Consuming}, nil
	}
	return cutover.Observation{State: cutover.Suspended}, nil
}

// consuming reports whether a container works without the load balancers.
func (c *container) consuming() bool {
	return c.running && c.consumes && !c.ending && (c.mode == cutover.Active || c.mode == cutover.Frozen)
}

// startedBefore is when the containers of the fleet were started, before anything happened.
const startedBefore = -time.Hour
