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
)

var vendor = layout{Home: instanceHome, Profile: profileHome, Packages: instanceHome + "/packages", has: func(path string) (bool, error) {
	return strings.HasPrefix(instanceHome+"/packages", path) || path == "/etc", nil
}}

// inputs makes a folder with a package as a folder, one as a zip, properties and a file.
func inputs(t *testing.T) Spec {
	t.Helper()
	folder := t.TempDir()
	put := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("Orders/manifest.v3", "<Values/>")
	put("Orders/ns/a/node.ndf", "<Values/>")
	return Spec{
		Base: "vendor:1", Tag: "fixed:{{.Fingerprint}}",
		Packages:   []string{filepath.Join(folder, "Orders"), zipped(t, filepath.Join(folder, "Billing.zip"), "Billing/manifest.v3", "Billing/ns/b")},
		Properties: put("application.properties", "settings.watt.server.threadPool=150"),
		Files:      []File{{From: put("ui.properties", "x=1"), To: "{{.Profile}}/apigateway/config/"}},
	}
}

func zipped(t *testing.T, path string, names ...string) string {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(file)
	for _, name := range names {
		entry, err := archive.Create(name)
		if err == nil {
			_, err = entry.Write([]byte("content of " + name))
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

func TestInputsGoToTheirPlaces(t *testing.T) {
	entries, err := inputs(t).collect(vendor)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
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
		entries, err := spec.collect(vendor)
		if err != nil {
			t.Fatal(err)
		}
		return fingerprint(base, "1724:1724", spec.Labels, entries)
	}
	first := print("sha256:1")
	if print("sha256:1") != first {
		t.Error("the same inputs have another fingerprint")
	}
	if print("sha256:2") == first {
		t.Error("another base has the same fingerprint")
	}
	if err := os.WriteFile(spec.Properties, []byte("settings.watt.server.threadPool=151"), 0o600); err != nil {
		t.Fatal(err)
	}
	if print("sha256:1") == first {
		t.Error("another content has the same fingerprint")
	}
}

// The product's user must not become the owner of folders of the system.
func TestLayerLeavesTheBasesFoldersAlone(t *testing.T) {
	spec := inputs(t)
	spec.Files = append(spec.Files, File{From: spec.Properties, To: "/etc/gateway.conf"})
	entries, err := spec.collect(vendor)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLayer(entries, "1724:1724", vendor.has)
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
	for _, folder := range []string{"/etc/", "/opt/", instanceHome + "/", instanceHome + "/packages/"} {
		if names[folder] != nil {
			t.Errorf("the base's folder %s is in the layer", folder)
		}
	}
	for _, folder := range []string{instanceHome + "/packages/Orders/ns/", profileHome + "/apigateway/"} {
		if h := names[folder]; h == nil || h.Uid != 1724 || h.Gid != 1724 || h.Mode != 0o755 {
			t.Errorf("%s: %+v", folder, h)
		}
	}
	if h := names["/etc/gateway.conf"]; h == nil || h.Uid != 1724 {
		t.Errorf("the file: %+v", h)
	}
}

func TestBadInputsAreNamed(t *testing.T) {
	for name, test := range map[string]struct {
		change func(t *testing.T, s *Spec)
		at     layout
		want   string
	}{
		"a missing package": {func(_ *testing.T, s *Spec) { s.Packages = []string{"/no/such"} }, vendor, "/no/such"},
		"no manifest":       {func(t *testing.T, s *Spec) { s.Packages = []string{t.TempDir()} }, vendor, "manifest.v3"},
		"a broken zip":      {func(_ *testing.T, s *Spec) { s.Packages = []string{s.Properties} }, vendor, "zip"},
		"a zip that leads out": {func(t *testing.T, s *Spec) {
			s.Packages = []string{zipped(t, filepath.Join(t.TempDir(), "Evil.zip"), "manifest.v3", "../../etc/passwd")}
		}, vendor, "../../etc/passwd"},
		"a symbolic link":          {linked, vendor, "regular files"},
		"two inputs for one place": {func(_ *testing.T, s *Spec) { s.Files = append(s.Files, s.Files[0]) }, vendor, "two inputs go to"},
		"a relative place":         {func(_ *testing.T, s *Spec) { s.Files[0].To = "config/x" }, vendor, "not an absolute path"},
		"no Integration Server":    {func(*testing.T, *Spec) {}, layout{}, "set image.home"},
		"an unknown place":         {func(_ *testing.T, s *Spec) { s.Files[0].To = "{{.Nowhere}}/x" }, vendor, "Nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := inputs(t)
			test.change(t, &spec)
			if _, err := spec.collect(test.at); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func linked(t *testing.T, s *Spec) {
	if err := os.Symlink("/etc/passwd", filepath.Join(s.Packages[0], "passwd")); err != nil {
		t.Fatal(err)
	}
}
