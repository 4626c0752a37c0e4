package image

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// unfinished is the repository of images that are being made. What is left there, the program was killed.
const unfinished = "cutover-unfinished"

// randomID tells apart what is made at the same time.
func randomID() string {
	id := make([]byte, 4)
	rand.Read(id) // it never fails (crypto/rand)
	return hex.EncodeToString(id)
}

// engineLimit is what a request may take that is carried out although nobody waits for it any more.
const engineLimit = 2 * time.Minute

// regardless is a context for what must be made or removed as a whole, whether ctx has ended or not.
func regardless(ctx context.Context, doing string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.WithoutCancel(ctx), engineLimit, fmt.Errorf("no answer from the engine within %s while %s", engineLimit, doing))
}

// outlasting is a context that ends a while after ctx does: for a request that the engine would carry on with alone.
func outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(engineLimit, func() { cancel(context.Cause(ctx)) })
	})
	return late, func() {
		stop()
		cancel(nil)
	}
}

// removeImage takes a name off an image, and removes an image that has no other name.
func removeImage(ctx context.Context, engine *client.Client, ref string) error {
	ctx, cancel := regardless(ctx, "removing image "+ref)
	defer cancel()
	_, err := engine.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	if err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("remove image %s: %w", ref, causeOf(ctx, err))
	}
	return nil
}

// removeContainer ends a container and removes it with its volumes.
func removeContainer(ctx context.Context, engine *client.Client, name string) error {
	ctx, cancel := regardless(ctx, "removing container "+name)
	defer cancel()
	err := engine.ContainerRemove(ctx, name, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if cerrdefs.IsConflict(err) { // it is being removed already
		gone, failed := engine.ContainerWait(ctx, name, container.WaitConditionRemoved)
		select {
		case <-gone:
			return nil
		case err = <-failed:
		}
	}
	if err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("remove container %s: %w", name, causeOf(ctx, err))
	}
	return nil
}

// causeOf is why a context ended, when that is why something failed.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}

func removeNetwork(ctx context.Context, engine *client.Client, name string) error {
	ctx, cancel := regardless(ctx, "removing network "+name)
	defer cancel()
	if err := engine.NetworkRemove(ctx, name); err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("remove network %s: %w", name, causeOf(ctx, err))
	}
	return nil
}
