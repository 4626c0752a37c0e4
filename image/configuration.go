package image

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/docker/docker/api/types/image"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// configuration is what an image's id is the sum of: the base's, with one more layer and other labels. It is made
// only of what an engine and a registry tell alike of the base, so that it is the same wherever it is made.
func configuration(base image.InspectResponse, labels map[string]string, layer digest.Digest) ([]byte, error) {
	config := dockerspec.DockerOCIImage{Image: ocispec.Image{
		Platform: ocispec.Platform{Architecture: base.Architecture, OS: base.Os, OSVersion: base.OsVersion, Variant: base.Variant},
		RootFS:   ocispec.RootFS{Type: "layers"},
	}}
	created := createdAt(base)
	config.Created = &created
	if base.Config != nil {
		config.Config = *base.Config
	}
	config.Config.OnBuild = nil // meant for builds on the base, and this was one
	config.Config.Labels = labels
	add := func(id digest.Digest, by string) {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, id)
		config.History = append(config.History, ocispec.History{Created: &created, CreatedBy: by})
	}
	for _, id := range base.RootFS.Layers {
		add(digest.Digest(id), "base image")
	}
	add(layer, "cutover build")
	data, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("write the image's configuration: %w", err)
	}
	return data, nil
}

// createdAt is when the base was created: how old the software in the image is, and the same on every day.
func createdAt(base image.InspectResponse) time.Time {
	at, err := time.Parse(time.RFC3339Nano, base.Created)
	if err != nil || at.Year() < 1970 {
		return time.Unix(0, 0).UTC()
	}
	return at.UTC()
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
