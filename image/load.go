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

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/opencontainers/go-digest"
)

// load gives the engine an archive of the new layer and the configuration only. The base's layers are named in it and
// left out: the engine has them. An archive that ends early is refused as a whole, so an input that fails half-way
// leaves nothing behind.
func (b *Build) load(ctx context.Context) error {
	reader, writer := io.Pipe()
	defer reader.Close() //nolint:errcheck // ends the goroutine when the engine stops reading
	var id string
	written := make(chan error, 1)
	go func() {
		var err error
		id, err = b.archive(writer)
		writer.CloseWithError(err)
		written <- err
	}()
	err := b.send(ctx, reader)
	reader.Close() //nolint:errcheck,gosec // see above
	if cause := <-written; cause != nil && !errors.Is(cause, io.ErrClosedPipe) {
		return cause
	}
	if err != nil {
		return err
	}
	loaded, err := b.engine.ImageInspect(ctx, b.Ref)
	if err != nil || loaded.ID != id {
		_, removed := b.engine.ImageRemove(ctx, id, image.RemoveOptions{})
		return errors.Join(fmt.Errorf("the engine reports no error, but %s is not the image %s", b.Ref, id), err, removed)
	}
	return nil
}

func (b *Build) send(ctx context.Context, archive io.Reader) error {
	response, err := b.engine.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // read to its end below
	return engineError(response.Body)
}

// archive writes the layer, then the configuration that holds its sum, then what the two are: in this order the
// layer is read once, and never held in memory. It returns the image's id.
func (b *Build) archive(to io.Writer) (id string, err error) {
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
		"Config": configName, "RepoTags": []string{b.Ref}, "Layers": append(slices.Clone(b.base.RootFS.Layers), layerName),
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

// engineError reads the engine's messages to their end and returns the error among them.
func engineError(messages io.Reader) error {
	for decoder := json.NewDecoder(messages); ; {
		var message struct {
			Error string `json:"error"`
		}
		err := decoder.Decode(&message)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the engine's answer: %w", err)
		case message.Error != "":
			return errors.New(message.Error)
		}
	}
}
