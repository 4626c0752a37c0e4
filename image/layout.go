package image

import (
	"context"
	"fmt"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// Where the vendor's images keep Integration Server: a full one has instances, a Microservices Runtime and the
// minimal API Gateway of 11.x do not (README of IBM/webmethods-helm-charts, apigateway).
const (
	productHome  = "/opt/softwareag/IntegrationServer"
	instanceHome = productHome + "/instances/default"
	profileHome  = "/opt/softwareag/profiles/IS_default"
)

// findLayout looks into an image, because its version does not tell.
func findLayout(ctx context.Context, engine *client.Client, imageID, home string) (layout, error) {
	created, err := engine.ContainerCreate(ctx, &container.Config{Image: imageID, Cmd: []string{"never-started"}}, nil, nil, nil, "")
	if err != nil {
		return layout{}, fmt.Errorf("look into image.base: %w", err)
	}
	defer engine.ContainerRemove(context.WithoutCancel(ctx), created.ID, container.RemoveOptions{RemoveVolumes: true}) //nolint:errcheck // doctor finds it
	has := func(path string) (bool, error) {
		_, err := engine.ContainerStatPath(ctx, created.ID, path)
		if cerrdefs.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("look into image.base for %s: %w", path, err)
		}
		return true, nil
	}
	at := layout{Home: home}
	for _, candidate := range []string{instanceHome, productHome} {
		if at.Home != "" {
			break
		}
		found, err := has(candidate)
		if err != nil {
			return layout{}, err
		}
		if found {
			at.Home = candidate
		}
	}
	at.Packages, at.Profile = at.Home+"/packages", at.Home
	if found, err := has(profileHome); err != nil {
		return layout{}, err
	} else if found {
		at.Profile = profileHome
	}
	return at, nil
}
