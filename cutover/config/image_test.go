package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
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
		"unknown key":     {"packages: [{path: a, overide: true}]", `cutover.yaml:11: unknown key "overide": did you mean "override"?`},
		"no path":         {"packages: [{override: true}]", "cutover.yaml:11: image.packages[0]: missing: path"},
		"bad pattern":     {`packages: ["a/[b"]`, "cutover.yaml:11: image.packages[0]: \"a/[b\" is not a pattern"},
		"half a file":     {"files: [{from: a}]", "cutover.yaml:11: image.files[0]: give from"},
		"not a string":    {"packages: [[a]]", "cutover.yaml:11: "},
		"no command":      {"run: [{user: root}]", "cutover.yaml:11: image.run[0]: missing: command"},
		"no secret":       {"run: [{command: a, secrets: [{id: a}]}]", "image.run[0].secrets[0]: give file or env"},
		"a secret twice":  {"run: [{command: a, secrets: [{id: a, env: A}, {id: a, env: B}]}]", "image.run[0].secrets[1].id: \"a\": give each secret a name of its own"},
		"a secret's path": {"run: [{command: a, secrets: [{id: ../a, env: A}]}]", "image.run[0].secrets[0].id: \"../a\""},
		"unknown in run":  {"run: [{command: a, secret: []}]", `cutover.yaml:11: unknown key "secret": did you mean "secrets"?`},
		"no platform":     {"platform: amd64", "image.platform: \"amd64\" is not a platform"},
		"two passwords":   {"verify: {password_file: a, password_env: B}", "image.verify.password_file: password_file and password_env exclude each other"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, `image: {ref: "gateway:2"}`, "image: {base: b, tag: c,\n  "+test.image+"}", 1)
			if _, err := parse("cutover.yaml", "/etc/cutover", []byte(text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestOnlyWhatWasBuiltIsPushed(t *testing.T) {
	text := strings.Replace(good, `image: {ref: "gateway:2"}`, `image: {ref: "gateway:2", push: true}`, 1)
	if _, err := parse("cutover.yaml", "/etc/cutover", []byte(text)); err == nil || !strings.Contains(err.Error(), "image.push: ref is an image with nothing to build") {
		t.Errorf("got %v", err)
	}
}

func TestCommandsAreTextsListsOrMappings(t *testing.T) {
	c, err := parse("cutover.yaml", "/etc/cutover", []byte(strings.Replace(good, `image: {ref: "gateway:2"}`,
		`image: {base: b, tag: c, run: ["a && b", {command: [c, -d], user: "0", timeout: 1m}, {command: e f, secrets: [{id: t, env: T}]}]}`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	run := c.Image.Run
	for i, want := range []string{"/bin/sh -c a && b", "c -d", "/bin/sh -c e f"} {
		if got := strings.Join(run[i].Command, " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if run[0].Timeout.Std() != 15*time.Minute || run[1].Timeout.Std() != time.Minute || run[1].User != "0" || run[2].Secrets[0] != (Secret{ID: "t", Env: "T"}) {
		t.Errorf("got %+v", run)
	}
}
