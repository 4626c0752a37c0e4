package image

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/docker/docker/api/types/build"
)

// build has the engine's builder make the image. What is in it is the same, but its id and its time are not.
func (b *Build) build(ctx context.Context, ref string) error {
	if len(b.replaced) > 0 {
		return fmt.Errorf("this engine keeps its images in containerd, where %s of the base can't be taken away by its builder: build on an engine without the containerd image store, and load the image here", strings.Join(b.replaced, ", "))
	}
	reader, writer := io.Pipe()
	defer reader.Close() //nolint:errcheck // ends the goroutine when the engine stops reading
	go func() { writer.CloseWithError(b.context(writer)) }()
	response, err := b.engine.ImageBuild(ctx, reader, build.ImageBuildOptions{
		Tags: []string{ref}, Labels: b.labels, Remove: true, ForceRemove: true,
	})
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // read to its end below
	return engineError(response.Body)
}

// context writes what the builder works from: a Dockerfile, and the layer, which it adds as it is.
func (b *Build) context(to io.Writer) error {
	archive := tar.NewWriter(to)
	if err := writeFile(archive, "Dockerfile", fmt.Appendf(nil, "FROM %s\nADD layer.tar /\n", b.Base)); err != nil {
		return err
	}
	size, err := b.layer.size()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: "layer.tar", Mode: 0o644, Size: size}); err != nil {
		return err
	}
	if err := b.layer.write(archive); err != nil {
		return err
	}
	return archive.Close()
}
