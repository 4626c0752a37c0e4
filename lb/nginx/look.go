package nginx

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/cutover/cutover/lb"
)

// asks is how many answers must agree, each on a new connection: one that was accepted before a reload and asked after
// it is answered from the old configuration.
const asks = 3

var errUnsettled = errors.New("its last reload is not over, so that other workers may run another configuration; " +
	"if it stays so, see what reload.sh and nginx wrote into their logs")

// Look implements lb.Balancer. What is in flight to a server nginx does not tell: a worker of before counts as having
// a client that can still reach each of its servers, until its process is gone.
func (b *Balancer) Look(ctx context.Context, at []netip.AddrPort) (lb.View, error) {
	said, err := b.agreed(ctx)
	if err != nil {
		return lb.View{}, b.wrap("look into", err)
	}
	running := lb.Worker{ID: strconv.Itoa(said.worker)}
	for _, s := range said.servers {
		if slices.Contains(at, s.at) {
			running.Servers = append(running.Servers, up(s.service, s.at))
		}
	}
	view := lb.View{Uncounted: true, Workers: []lb.Worker{running}}
	for _, o := range said.old {
		old := lb.Worker{ID: strconv.Itoa(o.pid), Old: true, Clients: 1} // at least: they are not counted
		for _, e := range o.at {
			if slices.Contains(at, e) {
				old.Servers = append(old.Servers, up("old", e))
			}
		}
		view.Workers = append(view.Workers, old)
	}
	return view, nil
}

func up(serviceName string, at netip.AddrPort) lb.Server {
	return lb.Server{Endpoint: at, Name: serviceName + "/" + at.String(), Status: lb.Up, Weight: 1}
}

// agreed is what the workers that accept connections say alike. While nginx reloads it is an error.
func (b *Balancer) agreed(ctx context.Context) (answer, error) {
	var last answer
	for i := range asks {
		said, err := b.ask(ctx)
		if err != nil {
			return answer{}, err
		}
		if !said.settled {
			return answer{}, errUnsettled
		}
		if i > 0 && !slices.Equal(said.servers, last.servers) {
			return answer{}, fmt.Errorf("workers %d and %d do not run the same servers: %w", last.worker, said.worker, errUnsettled)
		}
		last = said
	}
	return last, nil
}

// Hold implements lb.Balancer: open source nginx can't be told anything at runtime. It asks, to be sure that it is there.
func (b *Balancer) Hold(ctx context.Context, _ []netip.AddrPort, on bool) (string, error) {
	doing := "hold servers of"
	if !on {
		doing = "release servers of"
	}
	if _, err := b.ask(ctx); err != nil {
		return "", b.wrap(doing, err)
	}
	if !on {
		return "", nil
	}
	return "nginx can't be held at runtime", nil
}

// Check implements lb.Balancer: its workers answer in the format of this release, are settled and agree.
func (b *Balancer) Check(ctx context.Context) error {
	_, err := b.agreed(ctx)
	return b.wrap("look into", err)
}
