package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/cutover/cutover/integration/standin/datastore/store"
)

// shared are the documents that the nodes of a cluster share through the data
// store. A node without one keeps them itself, until it ends.
type shared struct {
	cluster *cluster
	local   store.Documents
}

func (s *shared) list(ctx context.Context, kind string) ([]store.Document, error) {
	if s.cluster.url == "" {
		return s.local.List(kind), nil
	}
	var out []store.Document
	status, err := s.cluster.ask(ctx, http.MethodGet, "/documents/"+kind, nil, &out)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("GET /documents/%s: %d", kind, status)
	}
	return out, err
}

// create, replace and remove return false when the id exists already, or does not.
func (s *shared) create(ctx context.Context, kind, id string, body any) (bool, error) {
	return s.change(ctx, http.MethodPost, kind, id, body, s.local.Create)
}

func (s *shared) replace(ctx context.Context, kind, id string, body any) (bool, error) {
	return s.change(ctx, http.MethodPut, kind, id, body, s.local.Replace)
}

func (s *shared) remove(ctx context.Context, kind, id string) (bool, error) {
	return s.change(ctx, http.MethodDelete, kind, id, nil, func(kind string, doc store.Document) bool {
		return s.local.Delete(kind, doc.ID)
	})
}

func (s *shared) change(ctx context.Context, method, kind, id string, body any, local func(string, store.Document) bool) (bool, error) {
	if s.cluster.url == "" {
		raw, err := json.Marshal(body)
		return err == nil && local(kind, store.Document{ID: id, Body: raw}), err
	}
	status, err := s.cluster.ask(ctx, method, "/documents/"+kind+"/"+url.PathEscape(id), body, nil)
	switch {
	case err != nil || status == http.StatusOK:
		return err == nil, err
	case status == http.StatusConflict || status == http.StatusNotFound:
		return false, nil
	default:
		return false, fmt.Errorf("%s /documents/%s: %d", method, kind, status)
	}
}
