//go:build integration

package integration

import (
	"os"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/goccy/go-yaml"
	"github.com/testcontainers/testcontainers-go"
)

// composeService is what this harness understands of a service in compose/compose.yaml: the demo and the tests start
// the same containers.
type composeService struct {
	Image       string                      `yaml:"image"`
	Name        string                      `yaml:"container_name"` // not used: tests name their own
	Command     []string                    `yaml:"command"`
	Environment map[string]string           `yaml:"environment"`
	Labels      map[string]string           `yaml:"labels"`
	Ports       []string                    `yaml:"ports"`
	Networks    any                         `yaml:"networks"`
	Restart     string                      `yaml:"restart"`
	Ulimits     map[string]map[string]int64 `yaml:"ulimits"`
	Logging     struct {
		Driver  string            `yaml:"driver"`
		Options map[string]string `yaml:"options"`
	} `yaml:"logging"`
	DependsOn []string `yaml:"depends_on"`

	files map[string]string // path in the container to text, beside what its image has
}

// readCompose reads a Compose file; variables take their defaults unless set here.
func readCompose(t *testing.T, path string, set map[string]string) map[string]composeService {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := os.Expand(string(data), func(variable string) string {
		name, fallback, _ := strings.Cut(variable, ":-")
		if value, ok := set[name]; ok {
			return value
		}
		return fallback
	})
	var file struct {
		Services map[string]composeService `yaml:"services"`
		Networks map[string]any            `yaml:"networks"`
	}
	if err := yaml.UnmarshalWithOptions([]byte(text), &file, yaml.Strict()); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return file.Services
}

// aliases are the service's names on the network edge, beside its own.
func (s composeService) aliases() []string {
	networks, ok := s.Networks.(map[string]any)
	if !ok {
		return nil
	}
	edge, _ := networks["edge"].(map[string]any)
	list, _ := edge["aliases"].([]any)
	var names []string
	for _, alias := range list {
		names = append(names, alias.(string))
	}
	return names
}

// request is the container of a service, with host ports that Docker chooses.
func (s composeService) request(serviceName, containerName, network string, labels map[string]string) testcontainers.ContainerRequest {
	request := testcontainers.ContainerRequest{
		Name: containerName, Image: s.Image, Cmd: s.Command, Env: s.Environment, Labels: map[string]string{},
		Networks: []string{network}, NetworkAliases: map[string][]string{network: append(s.aliases(), serviceName)},
		HostConfigModifier: func(host *container.HostConfig) {
			host.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyMode(s.Restart)}
			host.LogConfig = container.LogConfig{Type: s.Logging.Driver, Config: s.Logging.Options}
			for name, limit := range s.Ulimits {
				host.Ulimits = append(host.Ulimits, &container.Ulimit{Name: name, Soft: limit["soft"], Hard: limit["hard"]})
			}
		},
	}
	for _, port := range s.Ports {
		request.ExposedPorts = append(request.ExposedPorts, port[strings.LastIndex(port, ":")+1:]+"/tcp")
	}
	for path, text := range s.files {
		request.Files = append(request.Files, testcontainers.ContainerFile{Reader: strings.NewReader(text), ContainerFilePath: path, FileMode: 0o644})
	}
	for _, set := range []map[string]string{s.Labels, labels} {
		for key, value := range set {
			request.Labels[key] = value
		}
	}
	return request
}
