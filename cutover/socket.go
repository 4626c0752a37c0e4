package cutover

import (
	"net/netip"
	"time"
)

// Socket is one TCP connection of a container, as the container's network namespace has it.
type Socket struct {
	Port int            `json:"port"` // the container's own
	Peer netip.AddrPort `json:"peer"` // who connected, as the container sees it
	// Quiet is for how long nothing has gone either way since the container last sent something, or since it was opened;
	// 0 while the last thing that came is not answered, or what was sent has not been taken.
	Quiet time.Duration `json:"quiet"`
}
