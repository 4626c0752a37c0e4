package image

import (
	"context"
	"fmt"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"
)

// Carrier takes images from an engine to a registry or to another engine, and from a registry to an engine. The bytes
// go between those two, but for Send, through whose caller they stream.
type Carrier struct {
	Engine *client.Client
	Tell   func(progress string) // how far it is, often; may be nil. It is called from one goroutine at a time.
}

func (c Carrier) tell(format string, args ...any) {
	if c.Tell != nil {
		c.Tell(fmt.Sprintf(format, args...))
	}
}

// Has reports whether the engine has an image.
func (c Carrier) Has(ctx context.Context, ref string) (bool, error) {
	_, err := c.Engine.ImageInspect(ctx, ref)
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("inspect image %s: %w", ref, err)
	}
	return true, nil
}

// inContainerd reports whether an engine keeps its images in containerd: then it wants every layer of an image that it
// loads, and gives images ids of its own.
func inContainerd(ctx context.Context, engine *client.Client) (bool, error) {
	info, err := engine.Info(ctx)
	if err != nil {
		return false, fmt.Errorf("ask the engine how it keeps images: %w", err)
	}
	return slices.Contains(info.DriverStatus, [2]string{"driver-type", "io.containerd.snapshotter.v1"}), nil
}
