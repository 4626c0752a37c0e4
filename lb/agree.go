package lb

import (
	"fmt"
	"net/netip"
	"strings"
)

// Runs reports whether every running worker sends requests to an endpoint: it has at least one server there, and each
// of them is UP (or has no health check) with a weight above 0.
func (v View) Runs(e netip.AddrPort) (bool, string) {
	agree, detail := true, string(Up)
	for _, w := range v.Workers {
		if w.Old {
			continue
		}
		servers := w.at(e)
		if len(servers) == 0 {
			return false, "not there yet"
		}
		for _, s := range servers {
			switch {
			case s.Status != Up:
				agree, detail = false, string(s.Status)
			case s.Weight == 0:
				agree, detail = false, "UP with weight 0"
			}
		}
	}
	return agree, detail
}

// left reports whether every running worker has followed the registry in taking an endpoint away. A server that is in
// MAINT by an administrator is no proof of that: cutover's own Hold does it too, and a reload that is already under
// way could bring the server back. Where the balancer follows the registry at runtime, Hold is not used and MAINT is.
func (v View) left(e netip.AddrPort) (bool, string) {
	for _, w := range v.Workers {
		if w.Old {
			continue
		}
		for _, s := range w.at(e) {
			switch {
			case s.Status == Unresolved, s.Status == Maint && v.Runtime:
			case s.Status == Maint:
				return false, "held at runtime, its configuration still has it"
			default:
				return false, "still " + string(s.Status)
			}
		}
	}
	return true, "left"
}

// gone reports whether no running worker can send a request to an endpoint, for whatever reason.
func (v View) gone(e netip.AddrPort) (bool, string) {
	for _, w := range v.Workers {
		if w.Old {
			continue
		}
		for _, s := range w.at(e) {
			if !s.out() {
				return false, "still " + string(s.Status)
			}
		}
	}
	return true, "gone"
}

// idle reports whether nothing is in flight to an endpoint and no old worker can send anything there any more.
// Zero sessions in an old worker are not enough: an idle keep-alive client may have its next request sent to a server
// that the new configuration no longer has. So every old worker must have the server in MAINT, or no client left.
func (v View) idle(e netip.AddrPort) (bool, string) {
	var missing []string
	for _, w := range v.Workers {
		inFlight, reachable := w.Hidden, false
		for _, s := range w.at(e) {
			inFlight += s.Sessions + s.Queue
			reachable = reachable || !s.out()
		}
		name := "worker " + w.ID
		if w.Old {
			name = "old " + name
		}
		switch {
		case inFlight > 0:
			missing = append(missing, fmt.Sprintf("%s: %d sessions", name, inFlight))
		case w.Old && reachable && w.Clients > 0:
			missing = append(missing, fmt.Sprintf("%s: %d clients can still reach it", name, w.Clients))
		}
	}
	if len(missing) > 0 {
		return false, strings.Join(missing, ", ")
	}
	return true, "0"
}

// Away is left and idle together: what a balancer must show for drained.
func (v View) Away(e netip.AddrPort) (bool, string) {
	hasLeft, detail := v.left(e)
	isIdle, waiting := v.idle(e)
	switch {
	case hasLeft && isIdle:
		return true, "0"
	case hasLeft:
		return false, waiting
	case isIdle:
		return false, detail
	}
	return false, detail + ", " + waiting
}
