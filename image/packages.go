package image

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Package is a custom Integration Server package of an image.
type Package struct {
	Name     string            `json:"name"`
	Version  string            `json:"version"`
	Requires map[string]string `json:"requires,omitempty"` // versions by package name
	Replaces string            `json:"replaces,omitempty"` // the version that the base has under this name

	source   string
	override bool
}

func (p Package) String() string { return p.Name + "@" + p.Version }

// addPackage adds a package under its name, which is that of its folder or zip.
func (c *collector) addPackage(source PackageSource, packages string) (Package, error) {
	info, err := os.Stat(source.Path)
	if err != nil {
		if strings.ContainsAny(source.Path, "*?[") {
			return Package{}, errors.New("there is nothing that this pattern names")
		}
		return Package{}, err
	}
	p := Package{Name: strings.TrimSuffix(filepath.Base(source.Path), ".zip"), source: source.Path, override: source.Override}
	folder, first := packages+"/"+p.Name, len(c.entries)
	if info.IsDir() {
		err = c.addFolder(source.Path, folder)
	} else {
		err = c.addZip(source.Path, folder)
	}
	if err != nil {
		return p, err
	}
	at := slices.IndexFunc(c.entries[first:], func(e entry) bool { return e.to == folder+"/manifest.v3" })
	if at < 0 {
		return p, errors.New("this is no Integration Server package: it has no manifest.v3 at its top")
	}
	content, err := c.contents.open(c.entries[first+at].from)
	if err != nil {
		return p, err
	}
	defer content.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(content, largestText))
	if err != nil {
		return p, fmt.Errorf("read manifest.v3: %w", err)
	}
	p.Version, p.Requires, err = readManifest(text)
	return p, err
}

// values is the form in which Integration Server writes manifest.v3.
type values struct {
	XMLName xml.Name `xml:"Values"`
	Values  []value  `xml:"value"`
	Records []struct {
		Name   string  `xml:"name,attr"`
		Values []value `xml:"value"`
	} `xml:"record"`
}

type value struct {
	Name string `xml:"name,attr"`
	Text string `xml:",chardata"`
}

// readManifest returns a package's version, and the versions of the packages that it depends on.
func readManifest(text []byte) (version string, requires map[string]string, err error) {
	var manifest values
	decoder := xml.NewDecoder(bytes.NewReader(text))
	decoder.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // names and versions are ASCII
	if err := decoder.Decode(&manifest); err != nil {
		return "", nil, fmt.Errorf("its manifest.v3 can't be read: %w: export the package anew", err)
	}
	for _, v := range manifest.Values {
		if v.Name == "version" {
			version = strings.TrimSpace(v.Text)
		}
	}
	if version == "" {
		return "", nil, errors.New("its manifest.v3 names no version: give it one, or export the package anew")
	}
	requires = map[string]string{}
	for _, record := range manifest.Records {
		if record.Name == "requires" {
			for _, v := range record.Values {
				requires[v.Name] = strings.TrimSpace(v.Text)
			}
		}
	}
	return version, requires, nil
}

func (s Spec) duplicates(packages []Package) error {
	var errs []error
	first := map[string]Package{}
	for _, p := range packages {
		if other, twice := first[p.Name]; twice {
			errs = append(errs, fmt.Errorf("image.packages: %s is given twice, by %s and %s: remove one of them", p.Name, s.short(other.source), s.short(p.source)))
		}
		first[p.Name] = p
	}
	return errors.Join(errs...)
}

// listed is the packages as one text, such as Billing@1.2,Orders@1.0.
func listed(packages []Package) string {
	names := map[string]bool{}
	for _, p := range packages {
		names[p.String()] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), ",")
}
