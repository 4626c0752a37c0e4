package store

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
)

// Document is JSON that the nodes share: a webhook, or a port.
type Document struct {
	ID   string          `json:"id"`
	Body json.RawMessage `json:"body"`
}

// Documents are the documents by kind, in the order in which they were made. The
// zero value is empty. It is safe for concurrent use.
type Documents struct {
	mu     sync.Mutex
	byKind map[string][]Document
}

// List never returns nil.
func (d *Documents) List(kind string) []Document {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Document{}, d.byKind[kind]...)
}

// Create makes a document; false: the id exists.
func (d *Documents) Create(kind string, doc Document) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.index(kind, doc.ID) >= 0 {
		return false
	}
	if d.byKind == nil {
		d.byKind = map[string][]Document{}
	}
	d.byKind[kind] = append(d.byKind[kind], doc)
	return true
}

// Replace changes a document; false: there is none with that id.
func (d *Documents) Replace(kind string, doc Document) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.index(kind, doc.ID)
	if i >= 0 {
		d.byKind[kind][i] = doc
	}
	return i >= 0
}

// Delete removes a document; false: there was none with that id.
func (d *Documents) Delete(kind, id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.index(kind, id)
	if i >= 0 {
		d.byKind[kind] = slices.Delete(d.byKind[kind], i, i+1)
	}
	return i >= 0
}

func (d *Documents) index(kind, id string) int {
	return slices.IndexFunc(d.byKind[kind], func(doc Document) bool { return doc.ID == id })
}

func (s *Store) getDocuments(w http.ResponseWriter, r *http.Request) {
	reply(w, s.documents.List(r.PathValue("kind")))
}

func (s *Store) changeDocument(change func(kind string, doc Document) bool, refusal int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		doc := Document{ID: r.PathValue("id")}
		if r.Method != http.MethodDelete && !decode(w, r, &doc.Body) {
			return
		}
		if !change(r.PathValue("kind"), doc) {
			w.WriteHeader(refusal)
		}
	}
}
