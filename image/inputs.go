// Package image makes the fixed image that every new container starts from: a base with the vendor's fix, and on top
// of it custom packages and the configuration that is not in the product's data store.
package image

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Spec says what goes into an image. Paths on this machine are absolute.
type Spec struct {
	Base       string
	Tag        string // {{.Fingerprint}} is that of all inputs
	Packages   []string
	Properties string
	Files      []File
	Labels     map[string]string
	Home       string // default: found by looking into the base
}

// File is copied to a path in the image; {{.Home}}, {{.Profile}} and {{.Packages}} may be used in To. A To that
// ends in a slash is a folder.
type File struct {
	From, To string
}

// entry is one regular file of the image.
type entry struct {
	to   string // absolute, in the image
	mode fs.FileMode
	size int64
	sum  string
	open func() (io.ReadCloser, error)
}

// collect reads all inputs once, for their sums, and lists them by their place in the image.
func (s Spec) collect(at layout) ([]entry, error) {
	var entries []entry
	add := func(more []entry, err error) error {
		entries = append(entries, more...)
		return err
	}
	var errs []error
	if at.Home == "" && (len(s.Packages) > 0 || s.Properties != "") {
		errs = append(errs, fmt.Errorf("image.base: there is no Integration Server in %s: set image.home to its folder, or leave packages and properties out", s.Base))
	}
	for _, source := range s.Packages {
		errs = append(errs, add(packageEntries(source, at.Packages)))
	}
	if s.Properties != "" {
		errs = append(errs, add(fileEntries(s.Properties, at.Home+"/application.properties")))
	}
	for _, file := range s.Files {
		to, err := render(file.To, at)
		if err == nil && at.Home == "" && to != file.To {
			err = fmt.Errorf("image.files: %s: there is no Integration Server in %s, so %q leads nowhere: set image.home", file.From, s.Base, file.To)
		}
		if err == nil && !path.IsAbs(to) {
			err = fmt.Errorf("image.files: %s: %q is not an absolute path in the image", file.From, to)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if strings.HasSuffix(to, "/") {
			to += filepath.Base(file.From)
		}
		errs = append(errs, add(fileEntries(file.From, to)))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.to, b.to) })
	for i := 1; i < len(entries); i++ {
		if entries[i].to == entries[i-1].to {
			return nil, fmt.Errorf("two inputs go to %s in the image: remove one of them", entries[i].to)
		}
	}
	return entries, nil
}

// packageEntries lists a custom IS package, a folder or a zip, under its name.
func packageEntries(source, packages string) ([]entry, error) {
	info, err := os.Stat(source)
	if err != nil {
		return nil, fmt.Errorf("image.packages: %w", err)
	}
	name := strings.TrimSuffix(filepath.Base(source), ".zip")
	var entries []entry
	if info.IsDir() {
		entries, err = folderEntries(source, packages+"/"+name)
	} else {
		entries, err = zipEntries(source, packages+"/"+name)
	}
	if err != nil {
		return nil, fmt.Errorf("image.packages: %w", err)
	}
	manifest := packages + "/" + name + "/manifest.v3"
	if !slices.ContainsFunc(entries, func(e entry) bool { return e.to == manifest }) {
		return nil, fmt.Errorf("image.packages: %s is no Integration Server package: it has no manifest.v3 at its top", source)
	}
	return entries, nil
}

func folderEntries(folder, to string) ([]entry, error) {
	var entries []entry
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		relative, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		more, err := fileEntries(name, to+"/"+filepath.ToSlash(relative))
		entries = append(entries, more...)
		return err
	})
	return entries, err
}

func fileEntries(source, to string) ([]entry, error) {
	info, err := os.Lstat(source)
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	if info.IsDir() {
		return folderEntries(source, to)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("image: %s is a %s: only regular files go into an image, copy what it stands for", source, info.Mode().Type())
	}
	e := entry{to: path.Clean(to), mode: sane(info.Mode()), size: info.Size(), open: func() (io.ReadCloser, error) { return os.Open(source) }}
	return summed(e, source)
}

// zipEntries reads a package's zip: its files at the top, or in one folder at the top.
func zipEntries(source, to string) ([]entry, error) {
	archive, err := zip.OpenReader(source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	defer archive.Close() //nolint:errcheck // only read; entries open it anew
	top := topFolder(archive.File)
	var entries []entry
	for _, file := range archive.File {
		if file.FileInfo().IsDir() {
			continue
		}
		if !filepath.IsLocal(file.Name) || !file.Mode().IsRegular() {
			return nil, fmt.Errorf("%s: %q leads out of the package or is no regular file: make the zip anew", source, file.Name)
		}
		more, err := summed(entry{
			to: path.Join(to, strings.TrimPrefix(file.Name, top)), mode: sane(file.Mode()),
			size: int64(file.UncompressedSize64), open: fromZip(source, file.Name),
		}, source)
		if err != nil {
			return nil, err
		}
		entries = append(entries, more...)
	}
	return entries, nil
}

func topFolder(files []*zip.File) string {
	top := ""
	for _, file := range files {
		folder, _, nested := strings.Cut(file.Name, "/")
		if !nested || (top != "" && top != folder+"/") {
			return ""
		}
		top = folder + "/"
	}
	return top
}

func fromZip(source, name string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		archive, err := zip.OpenReader(source)
		if err != nil {
			return nil, err
		}
		file, err := archive.Open(name)
		if err != nil {
			return nil, errors.Join(err, archive.Close())
		}
		return struct {
			io.Reader
			io.Closer
		}{file, archive}, nil
	}
}

// sane keeps whether a file can be executed, and nothing else of its mode.
func sane(mode fs.FileMode) fs.FileMode {
	if mode&0o100 != 0 {
		return 0o755
	}
	return 0o644
}

func summed(e entry, source string) ([]entry, error) {
	content, err := e.open()
	if err != nil {
		return nil, fmt.Errorf("image: read %s: %w", source, err)
	}
	defer content.Close() //nolint:errcheck // only read
	hash := sha256.New()
	if _, err := io.Copy(hash, content); err != nil {
		return nil, fmt.Errorf("image: read %s: %w", source, err)
	}
	e.sum = hex.EncodeToString(hash.Sum(nil))
	return []entry{e}, nil
}
