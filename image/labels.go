package image

import (
	"maps"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Labels on a built image, besides those of OCI.
const (
	LabelFingerprint = "io.cutover.fingerprint"
	LabelBase        = "io.cutover.base-image" // the base's id
	LabelPackages    = "io.cutover.packages"   // such as Billing@1.2,Orders@1.0
	LabelCommands    = "io.cutover.commands"   // how many commands were run in it: it is not reproducible
)

// labels are all labels of the image but its fingerprint: the base's, over them what is known of the image, and over
// that what the configuration gives.
func (s Spec) labels(base image.InspectResponse, packages []Package) map[string]string {
	all := map[string]string{}
	if base.Config != nil {
		maps.Copy(all, base.Config.Labels)
	}
	for _, ofBase := range []string{ocispec.AnnotationRevision, ocispec.AnnotationSource, ocispec.AnnotationCreated, ocispec.AnnotationRefName, LabelFingerprint, LabelCommands} {
		delete(all, ofBase)
	}
	all[LabelBase] = base.ID
	if len(packages) > 0 {
		all[LabelPackages] = listed(packages)
	}
	if len(s.Run) > 0 {
		all[LabelCommands] = strconv.Itoa(len(s.Run))
	}
	all[ocispec.AnnotationBaseImageName] = s.Base
	name, tag, digest := parts(s.Base)
	if digest != "" {
		all[ocispec.AnnotationBaseImageDigest] = digest
	}
	if _, known := all[ocispec.AnnotationVersion]; !known && tag != "" && strings.ContainsAny(tag[:1], "0123456789") {
		all[ocispec.AnnotationVersion] = tag
	}
	all[ocispec.AnnotationTitle] = name[strings.LastIndex(name, "/")+1:]
	if own, _, _ := strings.Cut(s.Tag, "{{"); own != "" {
		name, _, _ := parts(strings.TrimRight(own, ":-._"))
		all[ocispec.AnnotationTitle] = name[strings.LastIndex(name, "/")+1:]
	}
	maps.Copy(all, s.Labels)
	return all
}

// parts takes a reference apart. What it can't read is a name.
func parts(ref string) (name, tag, digest string) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref, "", ""
	}
	if tagged, ok := named.(reference.Tagged); ok {
		tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		digest = digested.Digest().String()
	}
	return reference.FamiliarName(named), tag, digest
}

// complete is a reference with a tag, which is what an engine loads an image as.
func complete(ref string) (string, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", err
	}
	return reference.FamiliarString(reference.TagNameOnly(named)), nil
}
