//go:build integration

package integration

import (
	"io"
	"maps"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/cutover/cutover/lb/nginx"
)

// nginxInPlaceOf is the same service of compose/compose.yaml with nginx in it.
func nginxInPlaceOf(service composeService) composeService {
	service.Image = "cutover-demo/nginx:1"
	service.Environment = maps.Clone(service.Environment)
	service.Ports = []string{"8080", "8081"}
	return service
}

// secondBalancer is how lb-2 is configured.
func (s *stack) secondBalancer() config {
	from := []string{"container:" + s.name + "-lb-2"}
	if s.nginx {
		return config{"name": "lb-2", "kind": "nginx", "members": s.membersURL(), "from": from}
	}
	return config{"name": "lb-2", "kind": "haproxy", "stats": "tcp://" + s.ports["lb-2:9999"], "master": "tcp://" + s.ports["lb-2:9998"], "from": from}
}

func (s *stack) membersURL() string { return "http://" + s.ports["lb-2:8081"] + "/cutover/members" }

// nginxBalancer looks into lb-2.
func (s *stack) nginxBalancer(t *testing.T) *nginx.Balancer {
	t.Helper()
	b, err := nginx.New(nginx.Config{Name: "lb-2", Members: s.membersURL()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// inLB2 runs a command in lb-2's container, and returns once it has ended.
func (s *stack) inLB2(command string) {
	s.Helper()
	made, err := s.engine.ContainerExecCreate(s.Context(), s.name+"-lb-2", container.ExecOptions{
		Cmd: []string{"bash", "-c", command}, AttachStdout: true, AttachStderr: true,
	})
	s.must(err)
	attached, err := s.engine.ContainerExecAttach(s.Context(), made.ID, container.ExecAttachOptions{})
	s.must(err)
	defer attached.Close()
	said, err := io.ReadAll(attached.Reader)
	s.must(err)
	if ended, err := s.engine.ContainerExecInspect(s.Context(), made.ID); err != nil || ended.ExitCode != 0 {
		s.Fatalf("%s: exit %d, %v: %s", command, ended.ExitCode, err, said)
	}
}
