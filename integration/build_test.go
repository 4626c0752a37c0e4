//go:build integration

package integration

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
)

const packageManifest = `<Values version="2.0"><value name="version">1.4</value></Values>`

// The fixed image: files in their places, owned by the product's user; unchanged inputs build nothing; a rollout to it.
func TestBuildAndRollout(t *testing.T) {
	s := newStack(t, options{nodes: 1, config: func(c config) {
		c["image"] = config{
			"base": "cutover-demo/gateway:10.15.0.18", "tag": "cutover-test/fixed:{{.Fingerprint}}", "packages": []string{"Orders"},
			"properties": "application.properties",
			"files":      []config{{"from": "ui.properties", "to": "{{.Profile}}/apigateway/config/"}, {"from": "ui.properties", "to": "/etc/passwd.d/extra"}},
		}
	}})
	for name, content := range map[string]string{
		"Orders/manifest.v3": packageManifest, "Orders/ns/a/node.ndf": "<Values/>",
		"application.properties": "settings.watt.server.threadPool=150\n", "ui.properties": "x=1\n",
	} {
		s.must(os.MkdirAll(filepath.Dir(filepath.Join(s.folder, name)), 0o755))
		s.must(os.WriteFile(filepath.Join(s.folder, name), []byte(content), 0o600))
	}
	if got := s.cutover("apply", "--yes"); got.code != 1 || !strings.Contains(got.stderr, "run cutover build") {
		t.Errorf("apply before the build: exit %d: %s", got.code, got.stderr)
	}
	first := s.cutover("build")
	ref, _, _ := strings.Cut(first.stdout, " ")
	t.Cleanup(func() { s.removeImage(ref) })
	if first.code != 0 || !strings.Contains(first.stdout, "built") {
		t.Fatalf("build: exit %d", first.code)
	}
	if again := s.cutover("build"); !strings.Contains(again.stdout, "is built already") || !strings.HasPrefix(again.stdout, ref) {
		t.Errorf("a second build: %s", again.stdout)
	}
	t.Run("owners and modes", func(t *testing.T) {
		const home = "/opt/softwareag/IntegrationServer/instances/default"
		s.owns(t, ref, home+"/packages", map[string]int{"packages/Orders/": 1724, "packages/Orders/ns/a/node.ndf": 1724})
		s.owns(t, ref, "/opt/softwareag/profiles/IS_default/apigateway/config/ui.properties", map[string]int{"ui.properties": 1724})
		s.owns(t, ref, "/opt/softwareag/IntegrationServer", map[string]int{"IntegrationServer/": 1724, "IntegrationServer/instances/default/packages/": 1724})
		s.owns(t, ref, "/etc", map[string]int{"etc/": 0, "etc/passwd": 0, "etc/passwd.d/extra": 1724})
	})
	got := s.cutover("apply", "--yes")
	if got.code != 0 {
		t.Fatalf("apply: exit %d", got.code)
	}
	for name := range s.containers() {
		c, err := s.engine.ContainerInspect(t.Context(), name)
		s.must(err)
		if c.Config.Image != ref {
			t.Errorf("%s runs %s", name, c.Config.Image)
		}
	}
	s.must(os.WriteFile(filepath.Join(s.folder, "application.properties"), []byte("settings.watt.server.threadPool=151\n"), 0o600))
	if changed := s.cutover("apply", "--yes"); changed.code != 1 || !strings.Contains(changed.stderr, "run cutover build") {
		t.Errorf("apply with changed inputs: exit %d: %s", changed.code, changed.stderr)
	}
	left, err := s.engine.ContainerList(t.Context(), container.ListOptions{All: true, Filters: labelled("io.cutover.look")})
	if err != nil || len(left) > 0 {
		t.Errorf("left over from looking into the base: %v, %v", left, err)
	}
}

// owns asserts who owns some of what is below a path of an image; -1 stands for "not there".
func (s *stack) owns(t *testing.T, ref, path string, want map[string]int) {
	t.Helper()
	created, err := s.engine.ContainerCreate(t.Context(), &container.Config{Image: ref, Labels: map[string]string{label: s.name}}, nil, nil, nil, "")
	s.must(err)
	defer s.engine.ContainerRemove(context.WithoutCancel(t.Context()), created.ID, container.RemoveOptions{})
	content, _, err := s.engine.CopyFromContainer(t.Context(), created.ID, path)
	s.must(err)
	defer content.Close()
	found := map[string]int{}
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		s.must(err)
		found[header.Name] = header.Uid
	}
	for name, uid := range want {
		if got, there := found[name]; !there || got != uid {
			t.Errorf("%s in %s: owner %d (there: %t), want %d", name, path, got, there, uid)
		}
	}
}

func (s *stack) removeImage(ref string) {
	s.removeAll() // its containers
	if _, err := s.engine.ImageRemove(context.Background(), ref, image.RemoveOptions{Force: true, PruneChildren: true}); err != nil {
		s.Errorf("clean up %s: %v", ref, err)
	}
}
