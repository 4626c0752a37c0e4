package sim_test

import (
	"context"
	"fmt"
	"time"

	"github.com/cutover/cutover/cutover"
)

// containers is the container ladder as cutover/docker climbs it: what it remembers dies with the process.
type containers struct {
	*proc
	started map[string]bool
	signals map[string]time.Time
}

// inspect looks at a container; nil when there is none.
func (p *proc) inspect(ctx context.Context, target string) (*container, error) {
	if err := p.looks(ctx, "inspect "+target); err != nil {
		return nil, err
	}
	if !p.hostOf(target).up {
		return nil, errNoEngine
	}
	return p.container(target), nil
}

// tell asks the engine of a container for something.
func (p *proc) tell(ctx context.Context, target, what string, do func() error) error {
	return p.ask(ctx, "engine "+target, p.name+" "+what+" "+target, what == "creates", func() error {
		if !p.hostOf(target).up {
			return errNoEngine
		}
		return do()
	})
}

// still is something done to a container, if it is there when that lands.
func (p *proc) still(target string, do func(*container) error) func() error {
	return func() error {
		if c := p.container(target); c != nil {
			return do(c)
		}
		return fmt.Errorf("no such container: %s", target)
	}
}

// Set asks for one rung.
func (r *containers) Set(ctx context.Context, target string, want cutover.State) error {
	if want != cutover.Healthy {
		delete(r.started, target)
	}
	c, err := r.inspect(ctx, target)
	switch {
	case err != nil:
		return err
	case c == nil && want == cutover.Absent:
		return nil
	case c == nil && want == cutover.Stopped && r.plan.Old(target) != "":
		return r.tell(ctx, target, "creates", func() error { return r.hostOf(target).create(target) })
	case c == nil:
		return fmt.Errorf("inspect %s: no such container", target)
	}
	switch want {
	case cutover.Healthy:
		if r.started[target] && c.fresh && !c.running && !c.returning {
			return nil // the next look tells
		}
		return r.renew(ctx, c, r.session.last.StopAskedAt(target))
	case cutover.Stopped:
		if c.running || c.returning {
			return r.stop(ctx, c)
		}
		return nil
	}
	if (c.running || c.returning) && c.fresh {
		return r.stop(ctx, c) // a start that was given up has landed since
	}
	return r.tell(ctx, target, "removes", func() error {
		if c := r.container(target); c != nil {
			return c.remove()
		}
		return nil
	})
}

// renew makes a container run in a life that began after since.
func (r *containers) renew(ctx context.Context, c *container, since cutover.Moment) error {
	switch {
	case c.returning:
		return nil
	case c.running && lives(c, since):
		return r.restorePolicy(ctx, c)
	case c.running:
		return r.stop(ctx, c)
	}
	if err := r.restorePolicy(ctx, c); err != nil {
		return err
	}
	delete(r.signals, c.name)
	err := r.tell(ctx, c.name, "starts", r.still(c.name, (*container).start))
	if err == nil {
		r.started[c.name] = true
	}
	return err
}

func lives(c *container, since cutover.Moment) bool { return since.IsZero() || since.Before(c.place()) }

// place tells a container's life; where it is found is not in it.
func (c *container) place() cutover.Place {
	return cutover.Place{ID: c.name, Host: "host", Running: c.running, StartedAt: c.startedAt, Life: fmt.Sprint(c.life)}
}

func (r *containers) restorePolicy(ctx context.Context, c *container) error {
	if c.fresh || c.policy == r.restarts {
		return nil
	}
	return r.setPolicy(ctx, c, r.restarts)
}

func (r *containers) setPolicy(ctx context.Context, c *container, on bool) error {
	return r.tell(ctx, c.name, fmt.Sprintf("policy %t", on), r.still(c.name, func(c *container) error {
		c.policy, c.returning = on, c.returning && on
		return nil
	}))
}

// stop sends the stop signal once, and SIGKILL when the stop timeout is over.
func (r *containers) stop(ctx context.Context, c *container) error {
	delete(r.started, c.name)
	if c.policy {
		if err := r.setPolicy(ctx, c, false); err != nil {
			return err
		}
	}
	first, sent := r.signals[c.name]
	kill := sent && time.Since(first) >= r.stopTimeout
	if sent && !kill {
		return nil
	}
	if !sent {
		r.signals[c.name] = time.Now()
	}
	what := "sends the stop signal to"
	if kill {
		what = "sends SIGKILL to"
	}
	err := r.tell(ctx, c.name, what, r.still(c.name, func(c *container) error { return c.signal(kill) }))
	if err != nil {
		delete(r.signals, c.name)
	}
	return err
}

// Observe inspects, and asks the product.
func (r *containers) Observe(ctx context.Context, target string) (cutover.Observation, error) {
	c, err := r.inspect(ctx, target)
	switch {
	case err != nil:
		return cutover.Observation{}, err
	case c == nil:
		return cutover.Observation{State: cutover.Absent}, nil
	case c.returning:
		return cutover.Observation{Detail: "Docker restarts it"}, nil
	case !c.running && r.started[target]:
		return cutover.Observation{State: cutover.Stopped, Doomed: "it ended after it was started"}, nil
	case !c.running:
		return cutover.Observation{State: cutover.Stopped}, nil
	case !r.signals[target].IsZero() || !lives(c, r.session.last.StopAskedAt(target)):
		return cutover.Observation{Detail: "asked to stop, still runs"}, nil
	case !c.serves():
		return cutover.Observation{Detail: "not ready"}, nil
	}
	return cutover.Observation{State: cutover.Healthy}, nil
}
