package docker

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/cutover/cutover/cutover"
)

// create makes the new container for an old one and connects it to all of its networks. It does not start it.
func (r *Containers) create(ctx context.Context, oldName, newName string) error {
	old, err := r.mine(ctx, oldName)
	if err != nil {
		return fmt.Errorf("create %s: %w", newName, err)
	}
	made, err := r.cloneFor(ctx, old, newName)
	if err != nil {
		return fmt.Errorf("create %s: %w", newName, err)
	}
	var first *network.NetworkingConfig
	if endpoint, named := made.networks[made.network]; named && made.network != "bridge" {
		first = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{made.network: endpoint}}
	}
	created, err := r.engine.ContainerCreate(ctx, made.config, made.host, first, nil, newName)
	if err != nil {
		return fmt.Errorf("create %s from %s: %w", newName, r.plan.Spec.Image.Ref, err)
	}
	c, err := r.engine.ContainerInspect(ctx, created.ID)
	if err != nil {
		return fmt.Errorf("inspect %s: %w", newName, err)
	}
	return r.connect(ctx, c)
}

func (r *Containers) cloneFor(ctx context.Context, old container.InspectResponse, newName string) (clone, error) {
	node, _ := r.plan.Node(containerName(old))
	known, err := factsOf(node)
	if err != nil {
		return clone{}, err
	}
	image, err := r.imageConfig(ctx, old.Image)
	if err != nil {
		return clone{}, err
	}
	if r.plan.Spec.Consumers == cutover.Exclusive {
		// Docker would bring it back with all of its consumers at work. It gets its policy when it may consume.
		known.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyDisabled}
	}
	return cloneOf(old, image, newName, r.imageToUse(ctx), known, r.options)
}

// imageConfig is what an image supplies. The engine keeps an image for as long as a container uses it.
func (r *Containers) imageConfig(ctx context.Context, id string) (*dockerspec.DockerOCIImageConfig, error) {
	image, err := r.engine.ImageInspect(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("inspect the old image %s: %w", id, err)
	}
	return image.Config, nil
}

// imageToUse is the image's name for as long as it means the planned image, and the planned id otherwise.
func (r *Containers) imageToUse(ctx context.Context) string {
	image := r.plan.Spec.Image
	if named, err := r.engine.ImageInspect(ctx, image.Ref); err == nil && named.ID == image.ID {
		return image.Ref
	}
	return image.ID
}

// connect joins a container that has not been started to the networks that it still lacks, and gives it what is carried
// over from the old one.
func (r *Containers) connect(ctx context.Context, c container.InspectResponse) error {
	oldName := r.plan.Old(containerName(c))
	if oldName == "" || c.State.Status != container.StateCreated {
		return nil
	}
	old, err := r.mine(ctx, oldName)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(old.NetworkSettings.Networks)) {
		if _, on := c.NetworkSettings.Networks[name]; on {
			continue
		}
		if err := r.engine.NetworkConnect(ctx, name, c.ID, endpointOf(old, old.NetworkSettings.Networks[name])); err != nil {
			return fmt.Errorf("connect %s to network %s: %w", containerName(c), name, err)
		}
	}
	return r.carry(ctx, oldName, c)
}

// unconnected names a network that a created container still lacks, or "".
func (r *Containers) unconnected(c container.InspectResponse) string {
	node, ok := r.plan.Node(r.plan.Old(containerName(c)))
	if !ok || c.State.Status != container.StateCreated {
		return ""
	}
	known, err := factsOf(node)
	if err != nil {
		return ""
	}
	for _, name := range known.Networks {
		if _, on := c.NetworkSettings.Networks[name]; !on {
			return name
		}
	}
	return ""
}

var _ cutover.Resource = (*Containers)(nil)
