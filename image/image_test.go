package image

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

var vendor = layout{Home: instanceHome, Profile: profileHome, Packages: instanceHome + "/packages"}

// inVendor has the folders of a vendor's image: the product's belong to its user.
func inVendor(path string) (*folder, error) {
	switch {
	case path == "/etc" || path == "/opt":
		return &folder{path, 0, 0, 0o755}, nil
	case strings.HasPrefix(instanceHome+"/packages", path):
		return &folder{path, 1724, 1724, 0o775}, nil
	}
	return nil, nil
}

const manifest = `<?xml version="1.0" encoding="UTF-8"?>
<Values version="2.0"><value name="enabled">yes</value><value name="version">1.4</value>
<record name="requires" javaclass="com.wm.util.Values"><value name="WmPublic">10.*</value></record></Values>`

// inputs makes a folder with a package as a folder, one as a zip, properties and a file.
func inputs(t *testing.T) Spec {
	t.Helper()
	folder := t.TempDir()
	put(t, folder, "Orders/manifest.v3", manifest)
	put(t, folder, "Orders/ns/a/node.ndf", "<Values/>")
	return Spec{
		Base: "vendor:1", Tag: "fixed:{{.Fingerprint}}", Folder: folder,
		Packages: []PackageSource{
			{Path: filepath.Join(folder, "Orders")},
			{Path: zipped(t, filepath.Join(folder, "Billing.zip"), "Billing/manifest.v3", "Billing/ns/b")},
		},
		Properties: put(t, folder, "application.properties", "settings.watt.server.threadPool=150"),
		Files:      []File{{From: put(t, folder, "ui.properties", "x=1"), To: "{{.Profile}}/apigateway/config/"}},
	}
}

func put(t *testing.T, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t *testing.T, path string, names ...string) string {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(file)
	for _, name := range names {
		content := "content of " + name
		if filepath.Base(name) == "manifest.v3" {
			content = manifest
		}
		entry, err := archive.Create(name)
		if err == nil {
			_, err = entry.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func collected(t *testing.T, spec Spec) []entry {
	t.Helper()
	entries, _, err := spec.collect(vendor, recall(spec.Memory))
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestInputsGoToTheirPlaces(t *testing.T) {
	var got []string
	for _, e := range collected(t, inputs(t)) {
		got = append(got, e.to)
	}
	want := []string{
		instanceHome + "/application.properties", instanceHome + "/packages/Billing/manifest.v3", instanceHome + "/packages/Billing/ns/b",
		instanceHome + "/packages/Orders/manifest.v3", instanceHome + "/packages/Orders/ns/a/node.ndf", profileHome + "/apigateway/config/ui.properties",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFingerprintIsThatOfTheInputs(t *testing.T) {
	spec := inputs(t)
	print := func(base string) string {
		return fingerprint(base, "1724:1724", spec.Labels, nil, collected(t, spec), nil)
	}
	first := print("sha256:1")
	if print("sha256:1") != first {
		t.Error("the same inputs have another fingerprint")
	}
	if print("sha256:2") == first {
		t.Error("another base has the same fingerprint")
	}
	if fingerprint("sha256:1", "1724:1724", spec.Labels, []string{"/x"}, collected(t, spec), nil) == first {
		t.Error("that a folder is replaced has the same fingerprint")
	}
	put(t, spec.Folder, "application.properties", "settings.watt.server.threadPool=151")
	if print("sha256:1") == first {
		t.Error("another content has the same fingerprint")
	}
}

// The id of an image is decided by what is in it: not by the folder it was made in, nor by the times of the files.
func TestTheSameInputsMakeTheSameImage(t *testing.T) {
	base := image.InspectResponse{ID: "sha256:1", Os: "linux", Architecture: "amd64", Created: "2024-05-01T10:00:00Z", RootFS: image.RootFS{Layers: []string{"sha256:2"}}}
	made := func(at time.Time) string {
		spec := inputs(t)
		err := filepath.WalkDir(spec.Folder, func(path string, _ os.DirEntry, err error) error { return errors.Join(err, os.Chtimes(path, at, at)) })
		if err != nil {
			t.Fatal(err)
		}
		entries := collected(t, spec)
		l, err := newLayer(entries, nil, "1724:1724", inVendor)
		if err != nil {
			t.Fatal(err)
		}
		b := &Build{base: base, layer: l, labels: spec.labels(base, nil)}
		id, err := b.archive(io.Discard, "fixed:1")
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	// When this changes, because of this program or of a library, raise formVersion: the same inputs make another image.
	const want = "sha256:d05a0160903fa57678cd08c033fb8b2fba6a6d161ec6b71d41fe3c7c87dd3cb3"
	for _, at := range []time.Time{time.Unix(1e9, 0), time.Unix(15e8, 0)} {
		if got := made(at); got != want {
			t.Errorf("made %s, want %s", got, want)
		}
	}
}

// An input that changes between the look and the build must not get into an image under the old fingerprint.
func TestAChangeBeforeTheBuildIsSeen(t *testing.T) {
	spec := inputs(t)
	l, err := newLayer(collected(t, spec), nil, "1724:1724", inVendor)
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"x=2", "x"} {
		put(t, spec.Folder, "ui.properties", content)
		if err := l.write(io.Discard); err == nil || !strings.Contains(err.Error(), "ui.properties has changed since") {
			t.Errorf("%q: got %v", content, err)
		}
	}
}

// The product's user must not become the owner of folders of the system, nor root that of the product's.
func TestLayerLeavesTheBasesFoldersAlone(t *testing.T) {
	spec := inputs(t)
	spec.Files = append(spec.Files, File{From: spec.Properties, To: "/etc/gateway.conf"})
	l, err := newLayer(collected(t, spec), nil, "1724:1724", inVendor)
	if err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	if err := l.write(&written); err != nil {
		t.Fatal(err)
	}
	if size, err := l.size(); err != nil || size != int64(written.Len()) {
		t.Errorf("size %d, written %d, %v", size, written.Len(), err)
	}
	names := map[string]*tar.Header{}
	for archive := tar.NewReader(&written); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names["/"+header.Name] = header
	}
	for name, want := range map[string]folder{
		"/etc/": {UID: 0, Mode: 0o755}, "/opt/": {UID: 0, Mode: 0o755}, instanceHome + "/": {UID: 1724, Mode: 0o775}, instanceHome + "/packages/": {UID: 1724, Mode: 0o775},
		instanceHome + "/packages/Orders/ns/": {UID: 1724, Mode: 0o755}, profileHome + "/apigateway/": {UID: 1724, Mode: 0o755},
	} {
		if h := names[name]; h == nil || h.Uid != want.UID || h.Gid != want.UID || h.Mode != want.Mode {
			t.Errorf("%s: %+v", name, h)
		}
	}
	if h := names["/etc/gateway.conf"]; h == nil || h.Uid != 1724 {
		t.Errorf("the file: %+v", h)
	}
}

// What only this engine knows of the base is not in the configuration.
func TestConfigurationIsWhatRegistriesTellToo(t *testing.T) {
	base := image.InspectResponse{
		ID: "sha256:1", RepoTags: []string{"here:1"}, Comment: "imported", Size: 7,
		Os: "linux", Architecture: "arm64", Variant: "v8", Created: "2024-05-01T12:00:00.5+02:00", RootFS: image.RootFS{Type: "layers", Layers: []string{"sha256:2"}},
		Config: &dockerspec.DockerOCIImageConfig{},
	}
	base.Config.User, base.Config.Entrypoint, base.Config.OnBuild = "1724", []string{"/start"}, []string{"RUN x"}
	got, err := configuration(base, map[string]string{"b": "2", "a": "1"}, "sha256:3")
	const want = `{"created":"2024-05-01T10:00:00.5Z","architecture":"arm64","os":"linux","variant":"v8",` +
		`"rootfs":{"type":"layers","diff_ids":["sha256:2","sha256:3"]},` +
		`"history":[{"created":"2024-05-01T10:00:00.5Z","created_by":"base image"},{"created":"2024-05-01T10:00:00.5Z","created_by":"cutover build"}],` +
		`"config":{"User":"1724","Entrypoint":["/start"],"Labels":{"a":"1","b":"2"}}}`
	if err != nil || string(got) != want {
		t.Errorf("got\n%s\nwant\n%s, %v", got, want, err)
	}
}
