package image

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Origin is what an image says of how it was made.
type Origin struct {
	Base         string // its name; empty: it says nothing
	BaseID       string
	Reproducible bool
}

// OriginOf reads an image's labels.
func OriginOf(ctx context.Context, engine *client.Client, ref string) (Origin, error) {
	found, err := engine.ImageInspect(ctx, ref)
	if err != nil {
		return Origin{}, fmt.Errorf("inspect image %s: %w", ref, err)
	}
	if found.Config == nil || found.Config.Labels[LabelFingerprint] == "" {
		return Origin{}, nil
	}
	labels := found.Config.Labels
	return Origin{Base: labels[ocispec.AnnotationBaseImageName], BaseID: labels[LabelBase], Reproducible: labels[LabelCommands] == ""}, nil
}

// Notes are what whoever rolls the image out should know of it.
func (o Origin) Notes() []string {
	if o.Base == "" {
		return nil
	}
	notes := []string{fmt.Sprintf("the image is built on %s (%s)", o.Base, o.BaseID)}
	if !o.Reproducible {
		notes = append(notes, NotReproducible)
	}
	return notes
}

// NotReproducible is what is to be known of an image in which commands were run.
const NotReproducible = "the image is not reproducible, since it has image.run: building it again from the same inputs makes one with another id"

// digestOf is that of a base among those by which an engine knows it, or "" when it was not pulled under that name.
func digestOf(base string, known []string) string {
	name, _, digest := parts(base)
	if digest != "" {
		return digest
	}
	for _, ref := range known {
		if of, _, digest := parts(ref); of == name {
			return digest
		}
	}
	return ""
}

// Describe is the base with what it is resolved to.
func (b *Build) Describe() string {
	known := []string{b.Base}
	if b.BaseDigest != "" {
		known = append(known, "digest "+b.BaseDigest)
	}
	return fmt.Sprintf("%s (%s)", b.Record.Base.Name, strings.Join(known, ", "))
}
