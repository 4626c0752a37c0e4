// Package image makes the fixed image that every new container starts from: a base with the vendor's fix, and on top
// of it custom packages and the configuration that is not in the product's data store.
package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Spec says what goes into an image. Paths on this machine are absolute.
type Spec struct {
	Base         string
	Tag          string // {{.Fingerprint}} is that of all inputs
	Packages     []PackageSource
	Properties   string
	Files        []File
	Labels       map[string]string
	Run          []Command // with all of that in place
	Output       io.Writer // of the commands; default: none
	Platform     string    // that the base must be for; default: any
	Home         string    // default: found by looking into the base
	AllowSecrets []string  // files and keys that may hold one
	Folder       string    // errors name inputs as they are called from here; default: by their whole path
	Memory       string    // a file that remembers what unchanged inputs are; default: none
}

// PackageSource is a custom Integration Server package, a folder or a zip. Override: it is meant to replace one of
// the same name that the base has.
type PackageSource struct {
	Path     string
	Override bool
}

// File is copied to a path in the image; {{.Home}}, {{.Profile}} and {{.Packages}} may be used in To. A To that
// ends in a slash is a folder.
type File struct {
	From, To string
}

// collect lists all inputs by their place in the image. It reads those that m does not know. Its error joins all that
// is wrong with them.
func (s Spec) collect(at layout, m *memory) ([]entry, []Package, error) {
	c := collector{memory: m}
	defer c.contents.Close() //nolint:errcheck // only read
	var errs []error
	if at.Home == "" && (len(s.Packages) > 0 || s.Properties != "") {
		return nil, nil, fmt.Errorf("image.base: there is no Integration Server in %s: set image.home to its folder, or leave packages and properties out", s.Base)
	}
	var packages []Package
	for _, source := range s.Packages {
		p, err := Package{}, s.within(source.Path)
		if err == nil {
			p, err = c.addPackage(source, at.Packages)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("image.packages: %s: %w", s.short(source.Path), err))
			continue
		}
		packages = append(packages, p)
	}
	if s.Properties != "" {
		err := s.within(s.Properties)
		if err == nil {
			err = c.addFile(s.Properties, at.Home+"/application.properties")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("image.properties: %w", err))
		}
	}
	for _, file := range s.Files {
		to, err := s.placeOf(file, at)
		if err == nil {
			err = s.within(file.From)
		}
		if err == nil {
			err = c.addFile(file.From, to)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("image.files: %s: %w", s.short(file.From), err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	if err := s.duplicates(packages); err != nil {
		return nil, nil, err
	}
	slices.SortFunc(c.entries, byPlace)
	return c.entries, packages, s.collisions(c.entries)
}

func (s Spec) placeOf(file File, at layout) (string, error) {
	to, err := render(file.To, at)
	if err != nil {
		return "", err
	}
	if at.Home == "" && to != file.To {
		return "", fmt.Errorf("there is no Integration Server in %s, so %q leads nowhere: set image.home", s.Base, file.To)
	}
	if !path.IsAbs(to) {
		return "", fmt.Errorf("%q is not an absolute path in the image", to)
	}
	if strings.HasSuffix(to, "/") {
		to += filepath.Base(file.From)
	}
	return to, nil
}

func (s Spec) collisions(sorted []entry) error {
	var errs []error
	for i := 1; i < len(sorted); i++ {
		was, is := sorted[i-1], sorted[i]
		if is.to == was.to {
			errs = append(errs, fmt.Errorf("image: two inputs go to %s in the image, %s and %s: remove one of them", is.to, s.short(was.from.String()), s.short(is.from.String())))
		}
	}
	return errors.Join(errs...)
}

func byPlace(a, b entry) int { return strings.Compare(a.to, b.to) }

// short is a path as whoever wrote the configuration calls it.
func (s Spec) short(name string) string {
	if s.Folder != "" {
		if relative, err := filepath.Rel(s.Folder, name); err == nil && filepath.IsLocal(relative) {
			return relative
		}
	}
	return name
}

// within refuses an input that is not below the folder, as it is or by way of a symbolic link: whoever has the folder
// is to have all that goes into the image. What is not there is found out later.
func (s Spec) within(source string) error {
	if s.Folder == "" {
		return nil
	}
	folder, err := filepath.EvalSymlinks(s.Folder)
	if err != nil {
		return err
	}
	leadsTo, err := filepath.EvalSymlinks(source)
	if err != nil {
		return nil
	}
	if relative, err := filepath.Rel(folder, leadsTo); err == nil && filepath.IsLocal(relative) {
		return nil
	}
	return fmt.Errorf("it leads to %s, which is outside of %s, the folder of the configuration: copy it in there", leadsTo, s.Folder)
}

// addFile adds a file, or all files below a folder.
func (c *collector) addFile(source, to string) error {
	info, err := os.Lstat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return c.addFolder(source, to)
	}
	return c.add(origin{path: source}, to, info, stampOf(info))
}
