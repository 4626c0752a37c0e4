package lb

import (
	"context"
	"net/netip"
	"time"
)

// Balancer is one load balancer, looked into as it runs and not as it is configured.
type Balancer interface {
	// Name is the name that the configuration and the operator use.
	Name() string
	// Look tells how every worker runs the servers at these endpoints. It changes nothing. Whatever can't be read in
	// full is an error that names the balancer, never a view with something left out.
	Look(ctx context.Context, at []netip.AddrPort) (View, error)
	// Hold takes the servers at these endpoints out of service in every worker at once, ahead of the registry, or
	// (on false) ends that in the running workers. Repeatable. It is a help, not a proof: what the balancer refuses is
	// told in the note and is no error; only a balancer that can't be reached is.
	Hold(ctx context.Context, at []netip.AddrPort, on bool) (note string, err error)
	// Check tells what would keep this balancer from being looked into during a cutover, with the remedy. It changes
	// nothing.
	Check(ctx context.Context) error
}

// View is one balancer at one moment.
type View struct {
	Blind   bool          // nothing can be seen: Workers is empty
	Settle  time.Duration // how long after the registry's change what can't be seen of it is taken to agree
	Workers []Worker      // at least one that is not Old, unless Blind
	Partial string        // not empty: what is never looked into, by an explicit choice in the configuration
	// Uncounted: it does not tell what is in flight to a server, so that the member's own connections have to.
	Uncounted bool
	Runtime   bool // it follows the registry by changing its running state, so MAINT is the registry's doing
}

// Worker is one process of a balancer.
type Worker struct {
	ID      string // the process id
	Old     bool   // it takes no new connections, but goes on with those it has
	Clients int    // client connections that it still has, on all its frontends
	// Backends are the sessions of each backend, to whatever server.
	Backends map[string]int
	Servers  []Server
	Hidden   int // sessions and queued requests of servers whose address the balancer has already forgotten
}

// Server is one line of a balancer's configuration that leads to an endpoint which was asked for.
type Server struct {
	Endpoint netip.AddrPort
	Name     string // backend/server
	Status   Status
	Weight   int
	Sessions int // requests in flight
	Queue    int // requests that wait for this server
}

// Status is what a worker does with a server.
type Status string

// The statuses that matter to a member.
const (
	Up         Status = "UP"
	Down       Status = "DOWN"
	Drain      Status = "DRAIN"
	Maint      Status = "MAINT"              // by an administrator, cutover's own Hold included
	Unresolved Status = "MAINT (resolution)" // by the balancer's own resolver: the registry took the server away
)

// out reports whether new requests can't reach a server in this worker any more.
func (s Server) out() bool { return s.Status == Maint || s.Status == Unresolved }

// at returns the worker's servers at one endpoint.
func (w Worker) at(e netip.AddrPort) []Server {
	var found []Server
	for _, s := range w.Servers {
		if s.Endpoint == e {
			found = append(found, s)
		}
	}
	return found
}
