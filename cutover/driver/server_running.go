package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cutover/cutover/cutover"
)

// running names the services that are being executed, triggers' and scheduled ones too. The server's own, which
// answer this question, are not counted (Integration Server, wm.server.query:getServiceStats).
func (s *Server) running(ctx context.Context, place cutover.Place) ([]string, error) {
	var said struct {
		Services []struct {
			Name    loose `json:"name"`
			Running loose `json:"sRunning"`
		} `json:"SvcStats"`
	}
	if err := s.invoke(ctx, place, "wm.server.query:getServiceStats", nil, &said); err != nil {
		return nil, err
	}
	var names []string
	for _, service := range said.Services {
		if n := service.Running.number(); n > 0 && !strings.HasPrefix(string(service.Name), "wm.server") {
			names = append(names, fmt.Sprintf("%s (%d)", service.Name, n))
		}
	}
	slices.Sort(names)
	return names, nil
}

// idle adds to what was seen of a quiesced server what it still runs: nothing may, or it would be cut off by the stop. Not
// being told is an error. Only a server that does not offer the figures at all is taken at its word, and that is said.
func (s *Server) idle(ctx context.Context, place cutover.Place, seen cutover.Observation) (cutover.Observation, error) {
	names, err := s.running(ctx, place)
	switch {
	case errors.Is(err, errMissing):
		seen.Warning = "whether services, triggers or scheduled tasks still ran is not told by this version: " + err.Error()
	case err != nil:
		return cutover.Observation{}, fmt.Errorf("ask what still runs: %w", err)
	case len(names) > 0:
		return cutover.Observation{Detail: seen.Detail + ", still running: " + strings.Join(names, ", ")}, nil
	default:
		seen.Detail += ", nothing runs"
	}
	return seen, nil
}
