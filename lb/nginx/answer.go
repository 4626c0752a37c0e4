package nginx

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// version is of the format below, and its first line.
const version = "cutover-members 1"

// answer is what one worker says:
//
//	cutover-members 1
//	worker 205
//	settled
//	server api-gateway 10.0.0.7:5555
//	old 101 10.0.0.7:5555 10.0.0.8:5555
//	end
type answer struct {
	worker  int
	settled bool // all workers that accept connections run the same configuration
	servers []server
	old     []oldWorker // workers of before that are still there
}

// server is one that this worker sends requests to. Those that get none (down, backup) are not told.
type server struct {
	service string
	at      netip.AddrPort
}

// oldWorker is a process that may still send requests to these servers.
type oldWorker struct {
	pid int
	at  []netip.AddrPort
}

// parse reads an answer. Whatever is not known, not complete or not in its place is an error.
func parse(text string) (answer, error) {
	var said answer
	lines := strings.Split(text, "\n")
	n := len(lines)
	if lines[0] != version {
		return answer{}, fmt.Errorf("it says %q in place of %q: use the template of this release of cutover, in compose/nginx", short(lines[0]), version)
	}
	if n < 4 || lines[n-2] != "end" || lines[n-1] != "" {
		return answer{}, errors.New("the answer is not complete: it must end in the line \"end\"")
	}
	for i, line := range lines[1 : n-2] {
		words := strings.Split(line, " ")
		var err error
		switch key := words[0]; {
		case key == "worker" && i == 0 && len(words) == 2:
			said.worker, err = processID(words[1])
		case key == "settled" && i == 1 && len(words) == 1:
			said.settled = true
		case key == "server" && len(words) == 3 && len(said.old) == 0:
			var at netip.AddrPort
			at, err = endpoint(words[2])
			said.servers = append(said.servers, server{words[1], at})
		case key == "old" && len(words) > 1:
			var old oldWorker
			old, err = parseOld(words[1:])
			said.old = append(said.old, old)
		default:
			err = errors.New("this has no place in the format")
		}
		if err != nil {
			return answer{}, fmt.Errorf("line %d, %q: %w", i+2, short(line), err)
		}
	}
	if said.worker == 0 {
		return answer{}, errors.New("the answer does not name its worker")
	}
	return said, nil
}

func parseOld(words []string) (oldWorker, error) {
	var old oldWorker
	var err error
	if old.pid, err = processID(words[0]); err != nil {
		return old, err
	}
	for _, word := range words[1:] {
		at, err := endpoint(word)
		if err != nil {
			return old, err
		}
		old.at = append(old.at, at)
	}
	return old, nil
}

func processID(word string) (int, error) {
	pid, err := strconv.Atoi(word)
	if err != nil || pid < 1 {
		return 0, fmt.Errorf("%q is no process id", short(word))
	}
	return pid, nil
}

func endpoint(word string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(word)
	if err != nil {
		return at, fmt.Errorf("%q is not address:port: Consul must have addresses, not host names", short(word))
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), nil
}

// short bounds what of an answer gets into an error.
func short(text string) string {
	const most = 80
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
