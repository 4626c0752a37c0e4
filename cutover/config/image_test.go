package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPackagesArePathsPatternsOrMappings(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"packages/Orders", "packages/Billing", "vendor/WmPublic"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c, err := parse("cutover.yaml", folder, []byte(strings.Replace(good, `image: {ref: "gateway:2"}`,
		`image: {base: b, tag: c, packages: ["packages/*", {path: vendor/WmPublic, override: true}, "none/*"]}`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(folder, "packages/Billing"), filepath.Join(folder, "packages/Orders"), "vendor/WmPublic", "none/*"}
	if !slices.Equal(c.Image.Packages, want) {
		t.Errorf("got %q, want %q", c.Image.Packages, want)
	}
	if s := c.Image.Sources; s[0].Override || !s[1].Override {
		t.Errorf("sources: %+v", s)
	}
}

func TestBadImagesNameFileLineAndKey(t *testing.T) {
	for name, test := range map[string]struct{ image, want string }{
		"unknown key":  {"packages: [{path: a, overide: true}]", `cutover.yaml:11: unknown key "overide": did you mean "override"?`},
		"no path":      {"packages: [{override: true}]", "cutover.yaml:11: image.packages[0]: missing: path"},
		"bad pattern":  {`packages: ["a/[b"]`, "cutover.yaml:11: image.packages[0]: \"a/[b\" is not a pattern"},
		"half a file":  {"files: [{from: a}]", "cutover.yaml:11: image.files[0]: give from"},
		"not a string": {"packages: [[a]]", "cutover.yaml:11: "},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, `image: {ref: "gateway:2"}`, "image: {base: b, tag: c,\n  "+test.image+"}", 1)
			if _, err := parse("cutover.yaml", "/etc/cutover", []byte(text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}
