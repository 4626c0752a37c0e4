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

// layout is where things are in an image.
type layout struct {
	Home, Profile, Packages string

	has func(path string) (bool, error) // whether the image has a path
}

// LabelLook marks the container, never started, through which an image is looked into.
const LabelLook = "io.cutover.look"

// findLayout looks into an image, because its version does not tell. done ends the looking.
func findLayout(ctx context.Context, engine *client.Client, imageID, home string) (at layout, done func(), err error) {
	created, err := engine.ContainerCreate(ctx, &container.Config{
		Image: imageID, Cmd: []string{"never-started"},
		Labels: map[string]string{LabelLook: imageID},
	}, nil, nil, nil, "")
	if err != nil {
		return at, nil, fmt.Errorf("look into image.base: %w", err)
	}
	done = func() {
		// A container that is left over is found by its label.
		_ = engine.ContainerRemove(context.WithoutCancel(ctx), created.ID, container.RemoveOptions{RemoveVolumes: true})
	}
	at = layout{Home: home, has: func(path string) (bool, error) {
		_, err := engine.ContainerStatPath(ctx, created.ID, path)
		if cerrdefs.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("look into image.base for %s: %w", path, err)
		}
		return true, nil
	}}
	if err := at.find(); err != nil {
		done()
		return at, nil, err
	}
	return at, done, nil
}

// find fills in the folders, as far as the image has them.
func (at *layout) find() error {
	for _, candidate := range []string{instanceHome, productHome} {
		if at.Home != "" {
			break
		}
		found, err := at.has(candidate)
		if err != nil {
			return err
		}
		if found {
			at.Home = candidate
		}
	}
	at.Packages, at.Profile = at.Home+"/packages", at.Home
	found, err := at.has(profileHome)
	if found {
		at.Profile = profileHome
	}
	return err
}
