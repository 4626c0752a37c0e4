package driver

import (
	"context"
	"errors"
	"fmt"

	"github.com/cutover/cutover/cutover"
)

// Stopping asks a quiesced server to end, on a port that survives quiescing: neither to restart nor to come up quiesced.
// It is forced, because drain waits for client sessions, and the driver's own are among them. A server that is not
// quiesced, or that still runs something, is left to its stop signal, which ends it in order.
func (s *Server) Stopping(ctx context.Context, target string, place cutover.Place) error {
	if mode, err := s.mode(ctx, place); err != nil || mode != modeQuiesce {
		return err
	}
	if names, err := s.running(ctx, place); err != nil || len(names) > 0 {
		return err
	}
	at, err := s.survivor(ctx, place)
	if err != nil {
		return fmt.Errorf("ask %s to shut down: %w", target, err)
	}
	err = call(ctx, at, "wm.server.admin:shutdown", map[string]string{"bounce": "no", "option": "force", "timeout": "0", "quiesce": "no"}, nil)
	if errors.Is(err, errMissing) {
		err = s.adminAction(ctx, at, "shutdown")
	}
	if err != nil {
		return fmt.Errorf("ask %s to shut down: %w", target, err)
	}
	return nil
}
