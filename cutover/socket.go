package cutover

import "net/netip"

// Socket is one TCP connection of a container, as the container's network namespace has it.
type Socket struct {
	Port int            // the container's own
	Peer netip.AddrPort // who connected, as the container sees it
}
