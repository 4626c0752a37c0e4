package image

import (
	"context"
	"fmt"

	"github.com/docker/docker/api/types/image"
)

// Pull has the engine pull an image, for a platform such as linux/arm64 if one is given. The engine verifies a digest
// in its name. It returns what came as name@digest. It blocks until the engine is done or ctx ends; layers that have come by then spare the next pull.
func (c Carrier) Pull(ctx context.Context, ref, platform string) (digest string, err error) {
	login, err := loginFor(ctx, ref)
	if err != nil {
		return "", fmt.Errorf("pull %s: %w", ref, err)
	}
	messages, err := c.Engine.ImagePull(ctx, ref, image.PullOptions{RegistryAuth: login.header, Platform: platform})
	if err != nil {
		return "", fmt.Errorf("pull %s: %w", ref, login.explain(err))
	}
	progress, err := c.follow(ctx, "pull "+ref, messages, login)
	if err != nil {
		return "", err
	}
	if digest, err = withDigest(ref, progress.digest); err != nil {
		return "", fmt.Errorf("pull %s: the engine reports no error, and no digest that can be read (%q)", ref, progress.digest)
	}
	if _, err := c.Engine.ImageInspect(ctx, digest); err != nil {
		return "", fmt.Errorf("pull %s: the engine reports no error, but has no %s: %w", ref, digest, err)
	}
	return digest, nil
}
