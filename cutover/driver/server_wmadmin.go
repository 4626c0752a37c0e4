package driver

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/cutover/cutover/cutover"
)

// adminMode asks WmAdmin, the administration API since 10.5, for the mode. What it answers is not documented, so that
// the fields are looked for wherever they have been seen.
func (s *Server) adminMode(ctx context.Context, place cutover.Place) (string, error) {
	got, err := s.anyPort(ctx, place, http.MethodGet, "/admin/server", nil)
	if err != nil {
		return "", fmt.Errorf("the mode: neither wm.server.quiesce nor WmAdmin tells it: GET /admin/server: %w", err)
	}
	var said struct {
		modeWords
		Server modeWords `json:"server"`
	}
	if err := got.decode(&said); err != nil {
		return "", fmt.Errorf("GET /admin/server: %w", err)
	}
	if mode, err := said.Server.mode(); err == nil {
		return mode, nil
	}
	return said.mode()
}

// adminAction asks WmAdmin, on one port, for one of its actions: quiesce, exitQuiesce, shutdown. Up to 10.15 it is forced
// with force=true; 11.1 says when=immediate. Each refuses the other's word with 400, and nothing has happened then.
func (s *Server) adminAction(ctx context.Context, at endpoint, action string) error {
	var refused error
	for _, how := range []string{"force=true", "when=immediate"} {
		path := "/admin/server?action=" + url.QueryEscape(action) + "&" + how
		got, err := at.call(ctx, http.MethodPost, path, nil)
		switch {
		case err != nil:
			return fmt.Errorf("POST %s: %w", path, silentError{err})
		case got.status == http.StatusOK:
			return nil
		case got.status == http.StatusUnauthorized:
			return cutover.Permanent(fmt.Errorf("POST %s: %w", path, errCredentials))
		case got.status != http.StatusBadRequest:
			return fmt.Errorf("POST %s: %s", path, got.why())
		}
		refused = fmt.Errorf("POST %s: %s", path, got.why())
	}
	return refused
}
