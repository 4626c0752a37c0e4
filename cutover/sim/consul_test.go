package sim_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/cutover/cutover/lb"
)

// consul is an agent with its checks.
type consul struct {
	*world
	up   bool
	regs []*reg
}

type reg struct {
	id          string
	at          netip.AddrPort
	maintenance bool
	passing     bool
}

var errNoConsul = errors.New("connection to Consul refused")

func (c *consul) find(id string) *reg {
	if i := slices.IndexFunc(c.regs, func(r *reg) bool { return r.id == id }); i >= 0 {
		return c.regs[i]
	}
	return nil
}

// check looks at a registration's address, as Consul does at an interval.
func (c *consul) check(r *reg) {
	there := c.byAddress[r.at]
	passing := there != nil && there.at == r.at && there.serves()
	if passing != r.passing {
		c.say("consul: %s passing %t", r.id, passing)
		r.passing = passing
		c.tell()
	}
}

func (c *consul) checkAll() {
	if c.up {
		for _, r := range c.regs {
			c.check(r)
		}
	}
	c.after(c.interval, c.checkAll)
}

// tell lets the balancers know that something is new.
func (c *consul) tell() {
	for _, b := range c.balancers {
		b.hears()
	}
}

// crash stops the agent for a while. With restart its checks begin anew, and critical.
func (c *consul) crash(down time.Duration, restart bool) {
	c.say("consul goes down for %s, restart %t", down, restart)
	c.up = false
	c.after(down, func() {
		c.up = true
		c.say("consul is back")
		if restart {
			for _, r := range c.regs {
				if there := c.byAddress[r.at]; r.passing && there != nil {
					there.hit()
				}
				r.passing = false
			}
		}
		c.tell()
	})
}

// serving are the addresses that a balancer should send requests to.
func (c *consul) serving() []netip.AddrPort {
	var at []netip.AddrPort
	for _, r := range c.regs {
		if r.passing && !r.maintenance {
			at = append(at, r.at)
		}
	}
	return at
}

// agent is lb.Intent: one process's view of Consul.
type agent struct{ *proc }

var _ lb.Intent = agent{}

// Find implements lb.Intent.
func (a agent) Find(ctx context.Context, serviceName string, ids []string, address string, port int) ([]lb.Registration, error) {
	if err := a.looks(ctx, "find"); err != nil {
		return nil, err
	}
	if !a.consul.up {
		return nil, errNoConsul
	}
	var found []lb.Registration
	for _, r := range a.consul.regs {
		if slices.Contains(ids, r.id) || (address != "" && r.at.Addr().String() == address && int(r.at.Port()) == port) {
			found = append(found, lb.Registration{
				ID: r.id, Service: serviceName, Address: r.at.Addr().String(), Port: int(r.at.Port()), Maintenance: r.maintenance, Passing: r.passing,
			})
		}
	}
	return found, nil
}

func (a agent) tell(ctx context.Context, id, what string, makes bool, do func(*reg) error) error {
	return a.ask(ctx, "consul "+id, a.name+" "+what+" "+id, makes, func() error {
		if !a.consul.up {
			return errNoConsul
		}
		err := do(a.consul.find(id))
		a.consul.tell()
		return err
	})
}

// Register implements lb.Intent.
func (a agent) Register(ctx context.Context, r lb.Registration) error {
	made := &reg{id: r.ID, at: r.Endpoint(), maintenance: true}
	return a.tell(ctx, r.ID, fmt.Sprintf("registers at %s", made.at.Addr()), true, func(was *reg) error {
		if was != nil {
			a.consul.drop(was.id)
		}
		a.consul.regs = append(a.consul.regs, made)
		a.after(a.between(0, a.interval), func() {
			if a.consul.up && a.consul.find(made.id) == made {
				a.consul.check(made)
				a.changed = true
			}
		})
		return nil
	})
}

// Maintain implements lb.Intent.
func (a agent) Maintain(ctx context.Context, id string, on bool, _ string) error {
	if r := a.consul.find(id); on && r != nil && !r.maintenance && r.passing {
		a.spared(id) // when it is asked for: a late request was right when it was made
	}
	return a.tell(ctx, id, fmt.Sprintf("maintenance %t", on), false, func(r *reg) error {
		if r == nil {
			return errors.New("unknown id")
		}
		r.maintenance = on
		return nil
	})
}

// Deregister implements lb.Intent.
func (a agent) Deregister(ctx context.Context, id string) error {
	return a.tell(ctx, id, "deregisters", false, func(*reg) error { a.consul.drop(id); return nil })
}

func (c *consul) drop(id string) {
	c.regs = slices.DeleteFunc(c.regs, func(r *reg) bool { return r.id == id })
}

// passes reports whether a container is registered where it is, and passes.
func (c *consul) passes(box *container) bool {
	return slices.ContainsFunc(c.regs, func(r *reg) bool { return r.at == box.at && r.passing })
}

// settleTime is how long a change of a container may take to be seen by everybody.
func (w *world) settleTime() time.Duration { return 2*w.interval + 2*w.follow + 2*time.Second }
