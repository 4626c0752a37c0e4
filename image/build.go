package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// Build is an image about to be made, or made before.
type Build struct {
	Ref         string // with the fingerprint filled in
	Fingerprint string
	Base        string // id
	BaseDigest  string // in the registry that it was pulled from, when the engine knows it
	Files       int
	Size        int64 // of the files, in bytes
	Record      Record
	Parts       []Part
	Unknown     []string // keys of the properties that Integration Server is not known to read, with file and line

	engine   *client.Client
	base     image.InspectResponse
	labels   map[string]string
	entries  []entry
	replaced []string // folders of the base
	layer    layer
	commands []Command
	output   io.Writer
}

// Reproducible reports whether the same inputs make the same image, with the same id. What commands do is not known.
func (b *Build) Reproducible() bool { return len(b.commands) == 0 }

// Prepare reads all inputs, as far as they are not remembered, and looks into the base. It makes nothing but, for a
// moment, a container of the base that is never started, to see where things are in it. Its error joins all that is
// wrong with the inputs.
func Prepare(ctx context.Context, engine *client.Client, spec Spec) (_ *Build, err error) {
	base, err := engine.ImageInspect(ctx, spec.Base)
	if cerrdefs.IsNotFound(err) {
		return nil, fmt.Errorf("image.base: %s is not on this engine: cutover build pulls it; or docker load it", spec.Base)
	}
	if err != nil {
		return nil, fmt.Errorf("inspect image.base %s: %w", spec.Base, err)
	}
	memory := recall(spec.Memory)
	if err := spec.checkPlatform(base); err != nil {
		return nil, err
	}
	look := &look{engine: engine, name: "image.base " + spec.Base, image: base.ID, known: memory.base(base.ID)}
	defer func() { err = errors.Join(err, look.close(ctx)) }()
	at, err := findLayout(spec.Home, look.inside(ctx))
	if err != nil {
		return nil, err
	}
	entries, packages, err := spec.collect(at, memory)
	if err != nil {
		return nil, err
	}
	unknown, err := spec.checkProperties()
	if err := errors.Join(err, spec.checkSecrets(entries), checkPackages(packages, look.versions(ctx, at))); err != nil {
		return nil, err
	}
	b := &Build{
		Base: base.ID, BaseDigest: digestOf(spec.Base, base.RepoDigests), replaced: replaced(packages, at), Unknown: unknown, engine: engine, base: base, labels: spec.labels(base, packages),
		commands: spec.Run, output: spec.Output,
	}
	if err := b.complete(spec, entries, packages); err != nil {
		return nil, err
	}
	b.Parts = b.Record.Parts(at.Packages)
	if b.layer, err = newLayer(b.entries, b.replaced, ownerOf(base), look.folders(ctx)); err != nil {
		return nil, err
	}
	memory.save()
	return b, nil
}

// complete derives all that the inputs decide.
func (b *Build) complete(spec Spec, entries []entry, packages []Package) (err error) {
	for _, e := range entries {
		b.Size += e.size
	}
	b.Files = len(entries)
	b.Fingerprint = fingerprint(b.Base, ownerOf(b.base), b.labels, b.replaced, entries, b.commands)
	b.labels[LabelFingerprint] = b.Fingerprint
	if b.Ref, err = nameOf(spec.Tag, b.Fingerprint); err != nil {
		return err
	}
	b.Record = newRecord(RecordedBase{spec.Base, b.Base}, b.Fingerprint, packages, entries)
	record, err := b.Record.entry()
	if err != nil {
		return err
	}
	b.entries = append(entries, record)
	slices.SortFunc(b.entries, byPlace)
	return spec.collisions(b.entries)
}

func nameOf(tag, fingerprint string) (string, error) {
	ref, err := render(tag, struct{ Fingerprint string }{fingerprint})
	if err == nil {
		ref, err = complete(ref)
	}
	if err != nil {
		return "", fmt.Errorf("image.tag: %w", err)
	}
	return ref, nil
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

// Run makes the image, has check look at it, and tags it. Until then it has a name of its own: an image that check
// refuses, or that is cut short, is never there under the name that it is made for, and is removed. It blocks until
// the engine is done, and on its way out until all but the image is removed again, also after ctx has ended. check may
// be nil.
func (b *Build) Run(ctx context.Context, check func(ctx context.Context, image string) error) (err error) {
	stage := unfinished + ":" + b.Fingerprint + "-" + randomID()
	defer func() {
		if err = errors.Join(err, removeImage(ctx, b.engine, stage)); err != nil {
			err = fmt.Errorf("build %s: %w", b.Ref, err)
		}
	}()
	if err := b.make(ctx, stage); err != nil {
		return err
	}
	if !b.Reproducible() {
		if err := b.execute(ctx, stage); err != nil {
			return err
		}
	}
	if check != nil {
		if err := check(ctx, stage); err != nil {
			return err
		}
	}
	if err := b.engine.ImageTag(ctx, stage, b.Ref); err != nil {
		return err
	}
	if built, err := b.Built(ctx); err != nil || !built {
		return errors.Join(errors.New("the engine reports no error, but the image is not there"), err)
	}
	return nil
}

// make makes the image of base and files.
func (b *Build) make(ctx context.Context, ref string) error {
	builder, err := inContainerd(ctx, b.engine) // there a builder leaves the base's layers where they are
	switch {
	case err != nil:
		return err
	case builder:
		return b.build(ctx, ref)
	default:
		return b.load(ctx, ref)
	}
}
