package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Peer is one that opens connections: an address, a range such as 10.0.0.0/24, or container:NAME, whose addresses are
// looked up whenever they are needed.
type Peer string

// Container is the name after container:, or "".
func (p Peer) Container() string {
	name, _ := strings.CutPrefix(string(p), "container:")
	if name == string(p) {
		return ""
	}
	return name
}

// Prefix is the address or range; not valid for a container.
func (p Peer) Prefix() netip.Prefix {
	if address, err := netip.ParseAddr(string(p)); err == nil {
		return netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen())
	}
	prefix, err := netip.ParsePrefix(string(p))
	if err != nil {
		return netip.Prefix{}
	}
	return prefix.Masked()
}

func (p Peer) valid() bool { return p.Container() != "" || p.Prefix().IsValid() }

func (p Peer) remedy() string {
	return fmt.Sprintf("%q is neither an address, nor a range such as 10.0.0.0/24, nor container:NAME", string(p))
}

// Sources are where a load balancer connects from: what was said, or else the addresses at which it is asked, if they are
// not this machine's own.
func (b LoadBalancer) Sources() []Peer {
	var from []Peer
	for _, said := range b.From {
		from = append(from, Peer(said))
	}
	if len(from) > 0 {
		return from
	}
	for _, asked := range []string{b.Stats, b.Master, b.Members, b.API} {
		u, err := url.Parse(asked)
		if err != nil {
			continue
		}
		if address, err := netip.ParseAddr(u.Hostname()); err == nil && !address.IsLoopback() {
			from = append(from, Peer(address.String()))
		}
	}
	return from
}
