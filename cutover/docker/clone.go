package docker

import (
	"fmt"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// clone is everything that a new container is created from.
type clone struct {
	name     string
	config   *container.Config
	host     *container.HostConfig
	network  string                               // the one given at creation: API 1.41 takes no more than one
	networks map[string]*network.EndpointSettings // all of them
}

// cloneOf computes the new container for an old one: what was said when the old one was created, on another image.
func cloneOf(old container.InspectResponse, oldImage *dockerspec.DockerOCIImageConfig, newName, newImage string, known facts, o Options) (clone, error) {
	config := subtract(*old.Config, oldImage)
	config.Image = newImage
	config.MacAddress = "" //nolint:staticcheck // engines up to API 1.43 still fill it in
	if config.Hostname == shortID(old.ID) {
		config.Hostname = "" // the default: the engine makes a new one
	}
	env, err := o.env(newName)
	if err != nil {
		return clone{}, err
	}
	config.Env = withEnv(config.Env, env, o.UnsetEnv)
	if config.Labels == nil {
		config.Labels = map[string]string{}
	}
	config.Labels[LabelService] = o.Service
	config.Labels[LabelRollout] = o.Rollout
	config.Labels[LabelReplaces] = containerName(old)
	config.Labels[LabelBase] = baseName(old)

	host := *old.HostConfig
	host.ContainerIDFile = ""
	host.RestartPolicy = known.RestartPolicy
	if host.PortBindings, err = movePorts(host.PortBindings, known.Ports); err != nil {
		return clone{}, err
	}
	c := clone{name: newName, config: &config, host: &host, networks: map[string]*network.EndpointSettings{}}
	for name, endpoint := range old.NetworkSettings.Networks {
		c.networks[name] = endpointOf(old, endpoint)
	}
	c.network = primaryNetwork(old)
	return c, nil
}

// endpointOf keeps what somebody said of an endpoint, and drops what the engine made up for the old container.
func endpointOf(old container.InspectResponse, endpoint *network.EndpointSettings) *network.EndpointSettings {
	aliases := slices.DeleteFunc(slices.Clone(endpoint.Aliases), func(alias string) bool {
		return alias == shortID(old.ID) || alias == containerName(old) || alias == old.Config.Hostname
	})
	return &network.EndpointSettings{
		Aliases: aliases, Links: slices.Clone(endpoint.Links), DriverOpts: endpoint.DriverOpts,
		GwPriority: endpoint.GwPriority,
	}
}

// primaryNetwork is the network that the container was created on.
func primaryNetwork(old container.InspectResponse) string {
	mode := old.HostConfig.NetworkMode
	if mode.IsDefault() {
		return "bridge"
	}
	for name, endpoint := range old.NetworkSettings.Networks {
		if name == string(mode) || endpoint.NetworkID == string(mode) {
			return name
		}
	}
	return string(mode)
}

// movePorts lets Docker choose again where it chose before, and puts fixed host ports where the plan says.
func movePorts(bindings nat.PortMap, moved map[nat.Port][]int) (nat.PortMap, error) {
	result := nat.PortMap{}
	for port, list := range bindings {
		next := moved[port]
		for _, binding := range list {
			if isFixed(binding) {
				if len(next) == 0 {
					return nil, fmt.Errorf("the plan has no host port for %s", port)
				}
				binding.HostPort, next = fmt.Sprint(next[0]), next[1:]
			}
			result[port] = append(result[port], binding)
		}
	}
	return result, nil
}

func shortID(id string) string { return id[:min(len(id), 12)] }
