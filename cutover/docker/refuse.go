package docker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// sideBySide lists everything that keeps a clone of this container from running next to it, each with its remedy.
func sideBySide(old container.InspectResponse, o Options) []error {
	var problems []error
	say := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf(containerName(old)+" "+format, args...))
	}
	mode := old.HostConfig.NetworkMode
	switch {
	case mode.IsHost():
		say("uses the host's network, where two containers can't listen on the same ports: put it on a network of its own (networks: in Compose, --network for docker run)")
	case mode.IsContainer():
		say("lives in the network of another container (%s): put it on a network of its own", mode)
	}
	for name, endpoint := range old.NetworkSettings.Networks {
		if ip := endpoint.IPAMConfig; ip != nil && (ip.IPv4Address != "" || ip.IPv6Address != "") {
			say("has the static address %s%s on network %s, which its replacement can't share: remove ipv4_address, Consul carries the address",
				ip.IPv4Address, ip.IPv6Address, name)
		}
	}
	if !o.Publish {
		if _, on := old.NetworkSettings.Networks[o.Network]; !on {
			say("is not on the network %q: set containers.network to one of its networks", o.Network)
		}
	}
	if old.HostConfig.AutoRemove {
		say("was started with --rm: stopping it removes it, and there would be no way back: start it without --rm")
	}
	for _, m := range old.Mounts {
		source := m.Source
		if m.Type == mount.TypeVolume {
			source = m.Name
		}
		if sharedByClone(old, m) && !slices.Contains(o.Share, source) {
			say("writes to %s (on %s), and so would its replacement at the same time: mount it read-only, give each container its own, or name it in containers.share when both may write to it",
				source, m.Destination)
		}
	}
	return problems
}

// sharedByClone reports whether a clone would write to the same place. A volume that the engine made for this
// container alone is not named in what the container was created from, so the clone gets one of its own; Compose
// hands such volumes on by name.
func sharedByClone(old container.InspectResponse, m container.MountPoint) bool {
	if !m.RW || (m.Type != mount.TypeVolume && m.Type != mount.TypeBind) {
		return false
	}
	if m.Type == mount.TypeBind || len(old.HostConfig.VolumesFrom) > 0 {
		return true
	}
	return slices.ContainsFunc(old.HostConfig.Binds, func(bind string) bool { return strings.HasPrefix(bind, m.Name+":") }) ||
		slices.ContainsFunc(old.HostConfig.Mounts, func(asked mount.Mount) bool { return asked.Source == m.Name })
}
