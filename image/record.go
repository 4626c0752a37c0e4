package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// RecordPath is where each image says what was put into it.
const RecordPath = "/opt/softwareag/cutover-manifest.json"

// Record is what was put into an image. The files do not include the record.
type Record struct {
	Base        RecordedBase   `json:"base"`
	Fingerprint string         `json:"fingerprint"`
	Packages    []Package      `json:"packages"`
	Files       []RecordedFile `json:"files"`
}

// RecordedBase is the image below.
type RecordedBase struct {
	Name string `json:"name"` // as in the configuration
	ID   string `json:"id"`
}

// RecordedFile is one file of an image.
type RecordedFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// newRecord describes entries, which are sorted.
func newRecord(base RecordedBase, fingerprint string, packages []Package, entries []entry) Record {
	r := Record{Base: base, Fingerprint: fingerprint, Packages: slices.Clone(packages), Files: []RecordedFile{}}
	slices.SortFunc(r.Packages, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	for _, e := range entries {
		r.Files = append(r.Files, RecordedFile{e.to, e.sum, e.size})
	}
	return r
}

// entry is the record as a file of the image.
func (r Record) entry() (entry, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return entry{}, fmt.Errorf("write %s: %w", RecordPath, err)
	}
	text = append(text, '\n')
	sum := sha256.Sum256(text)
	return entry{to: RecordPath, mode: 0o644, size: int64(len(text)), sum: hex.EncodeToString(sum[:]), from: origin{text: text}}, nil
}

// Part is how much of an image comes from one package, or from all that is not in a package.
type Part struct {
	Name  string `json:"name"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
}

// Parts tells what the files add up to, the largest first.
func (r Record) Parts(packages string) []Part {
	sums := map[string]*Part{}
	for _, f := range r.Files {
		name := "configuration"
		if rest, ok := strings.CutPrefix(f.Path, packages+"/"); ok {
			name, _, _ = strings.Cut(rest, "/")
		}
		if sums[name] == nil {
			sums[name] = &Part{Name: name}
		}
		sums[name].Files++
		sums[name].Bytes += f.Size
	}
	var parts []Part
	for _, p := range sums {
		parts = append(parts, *p)
	}
	slices.SortFunc(parts, func(a, b Part) int {
		if a.Bytes != b.Bytes {
			return int(b.Bytes - a.Bytes)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return parts
}
