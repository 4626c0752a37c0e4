package lb

import (
	"context"
	"net/netip"
)

// Registration is one service of one container as a registry holds it. It is journaled as JSON; what is only true
// at one moment, and what may hold a secret, is left out of that.
type Registration struct {
	ID      string            `json:"id"`
	Service string            `json:"service"`
	Address string            `json:"address"` // never empty when it comes from Find
	Port    int               `json:"port"`
	Tags    []string          `json:"tags,omitempty"`
	Meta    map[string]string `json:"meta,omitempty"`
	Weights Weights           `json:"weights"`

	Check       Check  `json:"-"` // used by Register only; Find can't tell it
	Maintenance bool   `json:"-"` // in maintenance, the service or its whole node
	Reason      string `json:"-"` // given for the service's own maintenance; Reason when cutover gave it
	Passing     bool   `json:"-"` // every check but maintenance passes
	CheckOutput string `json:"-"` // for people: the first check that does not pass
}

// Weights are the registry's hints for DNS and load balancers. Zero stands for the registry's default, 1.
type Weights struct {
	Passing int `json:"passing,omitempty"`
	Warning int `json:"warning,omitempty"`
}

// Endpoint is the registration's address and port; it is invalid where the address is not an IP.
func (r Registration) Endpoint() netip.AddrPort { return endpoint(r.Address, r.Port) }

// endpoint is the zero AddrPort, which is invalid, for anything that is not an IP address with a port.
func endpoint(address string, port int) netip.AddrPort {
	ip, err := netip.ParseAddr(address)
	if err != nil || port < 1 || port > 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port))
}

// Intent is the registry's agent that owns the registrations of one host. Every call is one request or a few and
// does not wait for load balancers; an error names the agent, never its token. An error that asking again can't mend
// is marked with cutover.Permanent.
type Intent interface {
	// Find returns the registrations of a service that have one of the ids, or the address and port, whoever made
	// them. With no address it looks for the ids only. Health and maintenance are as the agent has them now. Having no
	// permission to look is an error, not an empty answer.
	Find(ctx context.Context, serviceName string, ids []string, address string, port int) ([]Registration, error)
	// Register makes a registration, or replaces the one with the same id, in one request that holds the service, its
	// check (critical until it passes) and maintenance: it is never visible outside maintenance.
	Register(ctx context.Context, r Registration) error
	// Maintain switches maintenance on or off. Repeatable. An unknown id is an error.
	Maintain(ctx context.Context, id string, on bool, reason string) error
	// Deregister removes a registration for good. Repeatable: an unknown id is no error.
	Deregister(ctx context.Context, id string) error
}
