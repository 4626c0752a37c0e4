package lb

import (
	"context"
	"time"

	"github.com/cutover/cutover/cutover"
)

// patience is how long a look before a run is tried again: a balancer that reloads does not answer for a moment, and
// that is no reason to refuse a cutover. A step's own looks are tried again by the runner until its deadline.
const (
	patience = 3 * time.Second
	pause    = 100 * time.Millisecond
)

// patiently calls look until it succeeds, fails for good (cutover.Permanent), or has failed for as long as patience
// lasts; then it returns the last error. It blocks.
func patiently(ctx context.Context, look func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := look()
		if err == nil || cutover.IsPermanent(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}
