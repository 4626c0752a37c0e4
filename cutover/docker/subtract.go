package docker

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// subtract takes out of a container's configuration what its image supplied, because inspect returns the two
// merged: a clone on another image must get that image's settings, not the old one's.
func subtract(merged container.Config, image *dockerspec.DockerOCIImageConfig) container.Config {
	own := merged
	if image == nil {
		return own
	}
	own.Env = slices.DeleteFunc(slices.Clone(merged.Env), func(entry string) bool { return slices.Contains(image.Env, entry) })
	own.Labels = maps.Clone(merged.Labels)
	maps.DeleteFunc(own.Labels, func(key, value string) bool {
		supplied, ok := image.Labels[key]
		return ok && supplied == value
	})
	own.Volumes = maps.Clone(merged.Volumes)
	maps.DeleteFunc(own.Volumes, func(path string, _ struct{}) bool { _, ok := image.Volumes[path]; return ok })
	own.ExposedPorts = maps.Clone(merged.ExposedPorts)
	maps.DeleteFunc(own.ExposedPorts, func(port nat.Port, _ struct{}) bool { _, ok := image.ExposedPorts[string(port)]; return ok })
	if slices.Equal(merged.Entrypoint, image.Entrypoint) {
		own.Entrypoint = nil
		if slices.Equal(merged.Cmd, image.Cmd) {
			own.Cmd = nil
		}
	}
	if merged.WorkingDir == image.WorkingDir {
		own.WorkingDir = ""
	}
	if merged.User == image.User {
		own.User = ""
	}
	if merged.StopSignal == image.StopSignal {
		own.StopSignal = ""
	}
	if reflect.DeepEqual(merged.Healthcheck, image.Healthcheck) {
		own.Healthcheck = nil
	}
	if slices.Equal(merged.Shell, image.Shell) {
		own.Shell = nil
	}
	own.OnBuild = nil
	return own
}

// withEnv applies what the configuration sets and unsets for new containers.
func withEnv(env []string, set map[string]string, unset []string) []string {
	result := slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		key, _, _ := strings.Cut(entry, "=")
		_, replaced := set[key]
		return replaced || slices.Contains(unset, key)
	})
	for _, key := range slices.Sorted(maps.Keys(set)) {
		result = append(result, key+"="+set[key])
	}
	return result
}
