package image

import (
	"context"
	"fmt"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
)

// Pushed is an image in a registry.
type Pushed struct {
	Digest string // name@sha256:…, by which every engine can pull exactly this image
	There  bool   // the registry had it before
	Layers int    // all that were looked at; 0 when the first look told that it is there
	Moved  int    // those that the registry did not have
}

// Push has the engine push an image to the registry that its name begins with, and sees to it that what the registry
// then has is this image. Layers that the registry has, here or in another repository that the engine knows of, do not
// travel. It is repeatable, and quick when there is nothing to do. It blocks until the engine is done or ctx ends; then
// the registry may have layers that no image names, which its own collection of garbage removes.
func (c Carrier) Push(ctx context.Context, ref string) (Pushed, error) {
	login, err := loginFor(ctx, ref)
	if err != nil {
		return Pushed{}, fmt.Errorf("push %s: %w", ref, err)
	}
	before := c.inRegistry(ctx, ref, login)
	if before != "" {
		if known, err := c.knownAs(ctx, ref, before); err != nil || known {
			return Pushed{Digest: before, There: true}, err
		}
	}
	messages, err := c.Engine.ImagePush(ctx, ref, image.PushOptions{RegistryAuth: login.header})
	if err != nil {
		return Pushed{}, fmt.Errorf("push %s: %w", ref, login.explain(err))
	}
	progress, err := c.follow(ctx, "push "+ref, messages, login)
	if err != nil {
		return Pushed{}, err
	}
	digest, err := withDigest(ref, progress.digest)
	if err != nil {
		return Pushed{}, fmt.Errorf("push %s: the engine reports no error, and no digest that can be read (%q)", ref, progress.digest)
	}
	known, err := c.knownAs(ctx, ref, digest)
	if err != nil {
		return Pushed{}, err
	}
	if !known {
		return Pushed{}, fmt.Errorf("push %s: the registry has it as %s, and the engine has no such image under this name: was another one tagged meanwhile? push again", ref, digest)
	}
	return Pushed{Digest: digest, There: digest == before, Layers: len(progress.ended), Moved: len(progress.moved)}, nil
}

// inRegistry is what the registry has under a tag, as name@digest; empty when it has nothing, or does not tell.
func (c Carrier) inRegistry(ctx context.Context, ref string, as login) string {
	found, err := c.Engine.DistributionInspect(ctx, ref, as.header)
	if err != nil {
		return "" // pushing tells why, if it matters
	}
	digest, err := withDigest(ref, found.Descriptor.Digest.String())
	if err != nil {
		return ""
	}
	return digest
}

// knownAs reports whether an image on the engine is the one that has this name and digest in its registry. An engine
// notes that when it pushes or pulls.
func (c Carrier) knownAs(ctx context.Context, ref, digest string) (bool, error) {
	found, err := c.Engine.ImageInspect(ctx, ref)
	if cerrdefs.IsNotFound(err) {
		return false, fmt.Errorf("push %s: it is not on this engine: run cutover build", ref)
	}
	if err != nil {
		return false, fmt.Errorf("inspect image %s: %w", ref, err)
	}
	return slices.Contains(found.RepoDigests, digest), nil
}

// withDigest is a reference's name with a digest in place of its tag.
func withDigest(ref, digest string) (string, error) {
	name, _, _ := parts(ref)
	exact, err := reference.ParseNormalizedNamed(name + "@" + digest)
	if err != nil {
		return "", err
	}
	return reference.FamiliarString(exact), nil
}
