package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// Labels on a built image.
const (
	LabelFingerprint = "io.cutover.fingerprint"
	LabelBase        = "io.cutover.base-image" // the base's id
)

// Build is an image about to be made, or made before.
type Build struct {
	Ref         string // with the fingerprint filled in
	Fingerprint string
	Base        string // id
	Files       int
	Size        int64 // of the files, in bytes

	engine  *client.Client
	spec    Spec
	owner   string
	entries []entry
	layer   layer
}

// Prepare reads all inputs and looks into the base. It makes nothing but, for a moment, a container of the base that
// is never started, to see where things are in it.
func Prepare(ctx context.Context, engine *client.Client, spec Spec) (*Build, error) {
	base, err := engine.ImageInspect(ctx, spec.Base)
	if cerrdefs.IsNotFound(err) {
		return nil, fmt.Errorf("image.base: %s is not on this engine: docker pull it, or docker load it", spec.Base)
	}
	if err != nil {
		return nil, fmt.Errorf("inspect image.base %s: %w", spec.Base, err)
	}
	at, done, err := findLayout(ctx, engine, base.ID, spec.Home)
	if err != nil {
		return nil, err
	}
	defer done()
	entries, err := spec.collect(at)
	if err != nil {
		return nil, err
	}
	owner := ownerOf(base)
	layer, err := newLayer(entries, owner, at.has)
	if err != nil {
		return nil, err
	}
	b := &Build{layer: layer, Base: base.ID, Files: len(entries), engine: engine, spec: spec, owner: owner, entries: entries}
	for _, e := range entries {
		b.Size += e.size
	}
	b.Fingerprint = fingerprint(base.ID, b.owner, spec.Labels, entries)
	b.Ref, err = render(spec.Tag, struct{ Fingerprint string }{b.Fingerprint})
	return b, err
}

// ownerOf is who the files in the image belong to: the base's user. Vendor images name theirs sagadmin, which is
// uid and gid 1724 (helm charts of IBM/webmethods-helm-charts).
func ownerOf(base image.InspectResponse) string {
	user := ""
	if base.Config != nil {
		user = base.Config.User
	}
	switch {
	case user == "" || user == "root":
		return "0:0"
	case strings.Trim(user, "0123456789:") != "":
		return "1724:1724"
	case strings.Contains(user, ":"):
		return user
	default:
		return user + ":" + user
	}
}

// Built reports whether an image with this reference and these inputs is there already.
func (b *Build) Built(ctx context.Context) (bool, error) {
	found, err := b.engine.ImageInspect(ctx, b.Ref)
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("inspect image %s: %w", b.Ref, err)
	}
	return found.Config != nil && found.Config.Labels[LabelFingerprint] == b.Fingerprint, nil
}

// Run makes the image and tags it. It blocks until the engine is done; a failed build leaves nothing behind.
func (b *Build) Run(ctx context.Context) error {
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(b.context(writer)) }()
	defer reader.Close() //nolint:errcheck // ends the goroutine when the engine stops reading
	labels := maps.Clone(b.spec.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[LabelFingerprint], labels[LabelBase] = b.Fingerprint, b.Base
	response, err := b.engine.ImageBuild(ctx, reader, build.ImageBuildOptions{
		Tags: []string{b.Ref}, Labels: labels,
		Remove: true, ForceRemove: true,
	})
	if err != nil {
		return fmt.Errorf("build %s: %w", b.Ref, err)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end below
	if err := buildError(response.Body); err != nil {
		return fmt.Errorf("build %s: %w", b.Ref, err)
	}
	if built, err := b.Built(ctx); err != nil || !built {
		return errors.Join(fmt.Errorf("build %s: the engine reports no error, but the image is not there", b.Ref), err)
	}
	return nil
}

// buildError reads the engine's messages to their end and returns the error among them.
func buildError(messages io.Reader) error {
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

// context writes what the engine builds from: a Dockerfile, and the one layer that it adds as it is.
func (b *Build) context(to io.Writer) error {
	archive := tar.NewWriter(to)
	dockerfile := fmt.Sprintf("FROM %s\n", b.Base)
	if len(b.entries) > 0 {
		dockerfile += "ADD layer.tar /\n"
	}
	if err := archive.WriteHeader(&tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(dockerfile))}); err != nil {
		return err
	}
	if _, err := io.WriteString(archive, dockerfile); err != nil {
		return err
	}
	if len(b.entries) > 0 {
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
	}
	return archive.Close()
}
