package image

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/docker/docker/client"
	"github.com/opencontainers/go-digest"
)

// load gives the engine an archive of the new layer and the configuration only. The base's layers are named in it and
// left out: the engine has them.
func (b *Build) load(ctx context.Context, ref string) error {
	var id string
	err := load(ctx, b.engine, func(_ context.Context, to io.Writer) (err error) {
		id, err = b.archive(to, ref)
		return err
	})
	if err != nil {
		return err
	}
	loaded, err := b.engine.ImageInspect(ctx, ref)
	if err != nil || loaded.ID != id {
		return errors.Join(fmt.Errorf("the engine reports no error, but %s is not the image %s", ref, id), err)
	}
	return nil
}

// load has an engine load an archive while it is written. An archive that ends early is refused as a whole, so when
// writing fails half-way, or ctx ends, nothing is left behind. An engine that has the whole archive is waited for even
// then, since it would go on alone. Writing has ended when load returns.
func load(ctx context.Context, engine *client.Client, write func(ctx context.Context, to io.Writer) error) error {
	reader, writer := io.Pipe()
	writing, stop := context.WithCancel(ctx)
	defer stop()
	cut := context.AfterFunc(ctx, func() { writer.CloseWithError(context.Cause(ctx)) })
	defer cut()
	patient, done := outlasting(ctx)
	defer done()
	written := make(chan error, 1)
	go func() {
		err := write(writing, writer)
		writer.CloseWithError(err)
		written <- err
	}()
	response, err := engine.ImageLoad(patient, reader, client.ImageLoadWithQuiet(true))
	if err == nil {
		err = errors.Join(engineError(response.Body), response.Body.Close())
	}
	reader.Close() //nolint:errcheck,gosec // an engine that has failed reads no more
	stop()
	if cause := <-written; cause != nil && !errors.Is(cause, io.ErrClosedPipe) && !errors.Is(cause, context.Canceled) {
		return cause
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// archive writes the layer, then the configuration that holds its sum, then what the two are: in this order the
// layer is read once, and never held in memory. It returns the image's id.
func (b *Build) archive(to io.Writer, ref string) (id string, err error) {
	archive := tar.NewWriter(to)
	size, err := b.layer.size()
	if err != nil {
		return "", err
	}
	const layerName = "layer.tar"
	if err := archive.WriteHeader(&tar.Header{Name: layerName, Mode: 0o644, Size: size}); err != nil {
		return "", err
	}
	hash := sha256.New()
	if err := b.layer.write(io.MultiWriter(archive, hash)); err != nil {
		return "", err
	}
	config, err := configuration(b.base, b.labels, digest.NewDigest(digest.SHA256, hash))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(config)
	configName := hex.EncodeToString(sum[:]) + ".json"
	manifest, err := json.Marshal([]any{map[string]any{
		"Config": configName, "RepoTags": []string{ref}, "Layers": append(slices.Clone(b.base.RootFS.Layers), layerName),
	}})
	if err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(sum[:]), errors.Join(
		writeFile(archive, configName, config), writeFile(archive, "manifest.json", manifest), archive.Close())
}

func writeFile(archive *tar.Writer, name string, content []byte) error {
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := archive.Write(content)
	return err
}
