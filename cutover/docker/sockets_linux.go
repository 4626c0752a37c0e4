package docker

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/cutover/cutover/cutover"
)

// socketsIn asks the kernel for the connections of a network namespace, or, without a path, of this process's own. It
// does so on a connection of its own (sock_diag(7)), which needs no privilege; entering another namespace does.
func socketsIn(path string) ([]cutover.Socket, error) {
	space := netns.None()
	if path != "" {
		var err error
		if space, err = netns.GetFromPath(path); err != nil {
			return nil, errElsewhere
		}
		defer space.Close() //nolint:errcheck // only looked through
	}
	kernel, err := netlink.NewHandleAt(space, unix.NETLINK_INET_DIAG)
	if errors.Is(err, os.ErrPermission) {
		return nil, errElsewhere
	}
	if err != nil {
		return nil, fmt.Errorf("ask the kernel for connections: %w", err)
	}
	defer kernel.Close()
	var found []cutover.Socket
	// The sockets of Go and Java servers are IPv6's, whatever they speak.
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		all, err := kernel.SocketDiagTCPInfo(family)
		if err != nil {
			return nil, fmt.Errorf("ask the kernel for connections: %w", err)
		}
		for _, one := range all {
			if socket, counts := socketOf(one); counts {
				found = append(found, socket)
			}
		}
	}
	return found, nil
}

// The states of linux/tcp_states.h that matter.
const (
	established = 1
	closeWait   = 8
	listening   = 10
)

func socketOf(one *netlink.InetDiagTCPInfoResp) (cutover.Socket, bool) {
	s := one.InetDiagMsg
	sending := s.State != listening && s.WQueue > 0 // a listener's is its backlog
	// A client may have said that it has nothing more to ask, and wait for the answer.
	asked := s.State == closeWait && one.TCPInfo != nil && quiet(one.TCPInfo) == 0
	if s.State != established && !sending && !asked {
		return cutover.Socket{}, false
	}
	peer, _ := netip.AddrFromSlice(s.ID.Destination)
	found := cutover.Socket{Port: int(s.ID.SourcePort), Peer: netip.AddrPortFrom(peer.Unmap(), s.ID.DestinationPort)}
	if one.TCPInfo != nil && !sending {
		found.Quiet = quiet(one.TCPInfo)
	}
	return found, true
}

// quiet reads the kernel's clocks, which count milliseconds since something last came or went. They step with the
// kernel's timer, by up to 10 ms: what came and what went in one step is taken for a request and its answer. The
// other way round, a request right behind an answer, looks the same; how long quiet must last is to allow for that.
func quiet(info *netlink.TCPInfo) time.Duration {
	came, went := info.Last_data_recv, info.Last_data_sent
	switch {
	case info.Bytes_received == 0:
		return time.Duration(info.Last_ack_recv) * time.Millisecond // nothing was ever asked
	case info.Bytes_sent == 0, came < went: // without an answer so far the clock of what went began with the connection
		return 0
	}
	return time.Duration(went) * time.Millisecond
}
