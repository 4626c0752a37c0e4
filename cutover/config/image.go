package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Image is what to build, or with ref, what was built.
type Image struct {
	Ref          string            `yaml:"ref"`
	Push         bool              `yaml:"push"` // what was built goes to the registry that its tag names
	Base         string            `yaml:"base"`
	Tag          string            `yaml:"tag"` // {{.Fingerprint}} is that of all inputs
	Sources      []PackageSource   `yaml:"packages"`
	Packages     []string          `yaml:"-"` // the paths that Sources name, patterns filled in
	Properties   string            `yaml:"properties"`
	Files        []File            `yaml:"files"`
	Labels       map[string]string `yaml:"labels"`
	Run          []Command         `yaml:"run"`           // in the base with everything else in it, one after the other
	Platform     string            `yaml:"platform"`      // that the base must be for, such as linux/amd64
	Verify       Verify            `yaml:"verify"`        // how a new image is tried
	Home         string            `yaml:"home"`          // default: found by looking into the base
	AllowSecrets []string          `yaml:"allow_secrets"` // files and keys, by name
}

// PackageSource is a custom package, a folder or a zip, or a pattern that names several. It is written as its path,
// or as {path, override}.
type PackageSource struct {
	Path     string `yaml:"path"`
	Override bool   `yaml:"override"` // it replaces the base's package of the same name
}

// UnmarshalYAML accepts both forms.
func (p *PackageSource) UnmarshalYAML(decode func(any) error) error {
	if decode(&p.Path) == nil {
		return nil
	}
	type plain PackageSource
	return decode((*plain)(p))
}

// File is copied into the image; {{.Home}}, {{.Profile}} and {{.Packages}} may be used in to.
type File struct {
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

// found are the paths that the sources name. A pattern that nothing matches stays as it is: who reads it says so.
func (i Image) found(folder string) []string {
	var all []string
	for _, source := range i.Sources {
		all = append(all, source.Paths(folder)...)
	}
	return all
}

// Paths are what a source names, as seen from folder when it is not absolute, sorted.
func (p PackageSource) Paths(folder string) []string {
	pattern := p.Path
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(folder, pattern)
	}
	matches, err := filepath.Glob(pattern)
	if err != nil || len(matches) == 0 || !strings.ContainsAny(p.Path, "*?[") {
		return []string{p.Path}
	}
	slices.Sort(matches)
	return matches
}

var platform = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?$`)

func (c Config) imageProblems(say sayer) {
	switch {
	case c.Image.Ref == "" && c.Image.Base == "":
		say("image", "give ref (an image that is there) or base (what to build it on)")
	case c.Image.Ref != "" && c.Image.Base != "":
		say("image.ref", "ref and base exclude each other: ref is an image with nothing to build")
	case c.Image.Base != "" && c.Image.Tag == "":
		say("image.tag", "missing: the name of the built image, such as ops/gateway:10.15-{{.Fingerprint}}")
	}
	if c.Image.Ref != "" && c.Image.Push {
		say("image.push", "ref is an image with nothing to build, so there is nothing to push: push it where it is built")
	}
	for i, source := range c.Image.Sources {
		key := fmt.Sprintf("image.packages[%d]", i)
		if source.Path == "" {
			say(key, "missing: path, a package's folder or zip")
		}
		if _, err := filepath.Match(source.Path, ""); err != nil {
			say(key, "%q is not a pattern: close its bracket, or write \\[ for a bracket in a name", source.Path)
		}
	}
	for i, file := range c.Image.Files {
		if file.From == "" || file.To == "" {
			say(fmt.Sprintf("image.files[%d]", i), "give from, a file or folder here, and to, its path in the image")
		}
	}
	if c.Image.Platform != "" && !platform.MatchString(c.Image.Platform) {
		say("image.platform", "%q is not a platform such as linux/amd64 or linux/arm64/v8", c.Image.Platform)
	}
	c.commandProblems(say)
	if c.Image.Verify.PasswordFile != "" && c.Image.Verify.PasswordEnv != "" {
		say("image.verify.password_file", "password_file and password_env exclude each other")
	}
}
