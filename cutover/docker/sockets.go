package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/cutover/cutover/cutover"
)

// Sockets lists the TCP connections of a running container, read from outside its image: where the engine is on this
// machine from the container's network namespace, and else by a helper that shares it. Those count that are
// established, and those that still send what the server has written. It changes nothing in the container. An error
// that wraps errors.ErrUnsupported says that they can't be seen from here at all, and why.
func (e *Fleet) Sockets(ctx context.Context, target string) ([]cutover.Socket, error) {
	c, err := e.engine.ContainerInspect(ctx, target)
	if err != nil {
		return nil, fmt.Errorf("look at the connections of %s: %w", target, err)
	}
	if !c.State.Running {
		return nil, nil
	}
	sockets, err := socketsHere(c.State.Pid, c.ID)
	if errors.Is(err, errElsewhere) {
		sockets, err = e.helpers.read(ctx, c.ID, c.State.StartedAt)
	}
	if err != nil {
		return nil, fmt.Errorf("look at the connections of %s: %w", target, err)
	}
	return sockets, nil
}

// errElsewhere says that a process is not one of this machine, or not one that may be looked at.
var errElsewhere = errors.New("its process can't be looked at from here")

// socketsHere looks into the network namespace of a container's main process. That the process is the container's is
// seen from its control group; the engine may be on another machine, or in another namespace of processes.
func socketsHere(pid int, containerID string) ([]cutover.Socket, error) {
	group, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if pid == 0 || err != nil || !bytes.Contains(group, []byte(containerID)) {
		return nil, errElsewhere
	}
	return socketsIn(fmt.Sprintf("/proc/%d/ns/net", pid))
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
