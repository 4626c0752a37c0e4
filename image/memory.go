package image

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"
)

// memory is what earlier looks found: the sums of contents and what is in bases, so that unchanged inputs are not read
// again and no container is made to look into a known base. A memory that can't be read or written is an empty one.
type memory struct {
	path     string // or empty: nothing is kept
	old, new remembered
	unknown  int // contents that were asked for and not known
	now      func() time.Time
}

type remembered struct {
	Form  int                         `json:"form"`
	Files map[string]map[string]*seen `json:"files"` // by path; by member of a zip, "" for a file
	Bases map[string]*facts           `json:"bases"` // by image id
}

// memoryForm changes when a content is looked at in another way.
const memoryForm = 2

// seen is one content, as it was when its file had this stamp.
type seen struct {
	Stamp stamp    `json:"stamp"`
	Name  string   `json:"name"` // in the image: what is looked for depends on it
	Sum   string   `json:"sum"`
	Found []secret `json:"found,omitempty"`
}

// stamp tells whether a file is still the one that was read. Changed is the system's own time of the last change,
// which nobody can set back; 0 where there is none.
type stamp struct {
	Size     int64 `json:"size"`
	Modified int64 `json:"modified"`
	Changed  int64 `json:"changed,omitempty"`
}

// facts are of one image.
type facts struct {
	Has      map[string]bool    `json:"has"`
	Versions map[string]string  `json:"versions"` // of packages, by the path of their manifest
	Folders  map[string]*folder `json:"folders"`  // by path; null: not there
}

func newFacts() *facts {
	return &facts{Has: map[string]bool{}, Versions: map[string]string{}, Folders: map[string]*folder{}}
}

// fresh is how old a change must be for a stamp to tell it from the next one: file systems keep coarse times.
const fresh = 2 * time.Second

func recall(path string) *memory {
	empty := func() remembered {
		return remembered{Form: memoryForm, Files: map[string]map[string]*seen{}, Bases: map[string]*facts{}}
	}
	m := &memory{path: path, old: empty(), new: empty(), now: time.Now}
	data, err := os.ReadFile(path)
	if path == "" || err != nil {
		return m
	}
	if err := json.Unmarshal(data, &m.old); err != nil || m.old.Form != memoryForm {
		m.old = empty()
	}
	return m
}

// content returns what is known of a content, or nil.
func (m *memory) content(o origin, at stamp, name string) *seen {
	known := m.old.Files[o.path][o.member]
	if known == nil || known.Stamp != at || known.Name != name {
		m.unknown++
		return nil
	}
	m.keep(o, known)
	return known
}

func (m *memory) keep(o origin, s *seen) {
	if m.now().Sub(time.Unix(0, max(s.Stamp.Modified, s.Stamp.Changed))) < fresh {
		return
	}
	if m.new.Files[o.path] == nil {
		m.new.Files[o.path] = map[string]*seen{}
	}
	m.new.Files[o.path][o.member] = s
}

// base returns what is known of an image, to be added to.
func (m *memory) base(id string) *facts {
	known := m.old.Bases[id]
	if known == nil {
		known = newFacts()
	}
	m.new.Bases[id] = known
	return known
}

// save keeps what was used this time, and forgets the rest.
func (m *memory) save() {
	if m.path == "" {
		return
	}
	data, err := json.Marshal(m.new)
	if err != nil || os.MkdirAll(filepath.Dir(m.path), 0o700) != nil {
		return
	}
	part, err := os.CreateTemp(filepath.Dir(m.path), ".part-*")
	if err != nil {
		return
	}
	_, err = part.Write(data)
	if closed := part.Close(); err != nil || closed != nil || os.Rename(part.Name(), m.path) != nil {
		_ = os.Remove(part.Name())
	}
}
