package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/cutover/cutover/cutover"
)

// Sockets lists the TCP connections of a running container, read from outside its image: where the engine is on this
// machine from /proc, and else by a helper that shares the container's network. Those count that are established, and
// those that still send what the server has written. It changes nothing in the container. An error that wraps
// errors.ErrUnsupported says that they can't be seen from here at all, and why.
func (e *Fleet) Sockets(ctx context.Context, target string) ([]cutover.Socket, error) {
	c, err := e.engine.ContainerInspect(ctx, target)
	if err != nil {
		return nil, fmt.Errorf("look at the connections of %s: %w", target, err)
	}
	if !c.State.Running {
		return nil, nil
	}
	text, err := procOf(c.State.Pid, c.ID)
	if errors.Is(err, errElsewhere) {
		text, err = e.helpers.read(ctx, c.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("look at the connections of %s: %w", target, err)
	}
	sockets, err := parseSockets(text)
	if err != nil {
		return nil, fmt.Errorf("look at the connections of %s: %w", target, err)
	}
	return sockets, nil
}

// errElsewhere says that a process is not one of this machine, or not one that may be looked at.
var errElsewhere = errors.New("its process can't be looked at from here")

// tables are the kernel's lists: the sockets of Go and Java servers are in the second, whatever they speak.
var tables = []string{"tcp", "tcp6"}

// procOf reads the tables of a container's main process from /proc. That the process is the container's is seen from
// its control group; the engine may be on another machine, or in another namespace of processes.
func procOf(pid int, containerID string) ([]byte, error) {
	folder := fmt.Sprintf("/proc/%d", pid)
	group, err := os.ReadFile(folder + "/cgroup")
	if pid == 0 || err != nil || !bytes.Contains(group, []byte(containerID)) {
		return nil, errElsewhere
	}
	var all []byte
	for _, table := range tables {
		text, err := os.ReadFile(folder + "/net/" + table)
		if errors.Is(err, os.ErrNotExist) && table == "tcp6" {
			continue // a machine without IPv6
		}
		if err != nil {
			return nil, errElsewhere
		}
		all = append(all, text...)
	}
	return all, nil
}

// The states of linux/tcp_states.h that matter.
const (
	established = 0x01
	listening   = 0x0A
)

// parseSockets reads /proc/net/tcp and tcp6 (Documentation/networking/proc_net_tcp.rst), one after the other.
func parseSockets(text []byte) ([]cutover.Socket, error) {
	var found []cutover.Socket
	header := false
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 0 && fields[0] == "sl" {
			header = true
			continue
		}
		if len(fields) < 5 {
			return nil, fmt.Errorf("not a line of /proc/net/tcp: %q", lines.Text())
		}
		local, err := parseEndpoint(fields[1])
		if err != nil {
			return nil, err
		}
		peer, err := parseEndpoint(fields[2])
		if err != nil {
			return nil, err
		}
		state, err := strconv.ParseUint(fields[3], 16, 8)
		if err != nil {
			return nil, fmt.Errorf("state of a connection: %w", err)
		}
		unsent, _, _ := strings.Cut(fields[4], ":")
		sending := strings.Trim(unsent, "0") != ""
		if state == established || (state != listening && sending) {
			found = append(found, cutover.Socket{Port: int(local.Port()), Peer: peer})
		}
	}
	if !header {
		return nil, errors.New("not /proc/net/tcp: its first line is missing")
	}
	return found, lines.Err()
}

// parseEndpoint reads 0100007F:15B3: the address is in words of four bytes, each as this processor orders them, which
// is the low byte first on every one that these containers run on.
func parseEndpoint(text string) (netip.AddrPort, error) {
	address, port, _ := strings.Cut(text, ":")
	bytes, err := hex.DecodeString(address)
	if err != nil || (len(bytes) != 4 && len(bytes) != 16) {
		return netip.AddrPort{}, fmt.Errorf("address of a connection: %q", text)
	}
	for word := 0; word < len(bytes); word += 4 {
		bytes[word], bytes[word+1], bytes[word+2], bytes[word+3] = bytes[word+3], bytes[word+2], bytes[word+1], bytes[word]
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port of a connection: %q", text)
	}
	ip, _ := netip.AddrFromSlice(bytes)
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), nil
}

// Addresses are those of a container on all its networks now; none while it does not run.
func (e *Fleet) Addresses(ctx context.Context, name string) (all []netip.Addr, there bool, err error) {
	c, err := e.engine.ContainerInspect(ctx, name)
	if isNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("inspect %s: %w", name, err)
	}
	for _, endpoint := range c.NetworkSettings.Networks {
		for _, text := range []string{endpoint.IPAddress, endpoint.GlobalIPv6Address} {
			if address, err := netip.ParseAddr(text); err == nil {
				all = append(all, address)
			}
		}
	}
	return all, true, nil
}
