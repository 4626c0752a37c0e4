package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker/go-units"

	"github.com/cutover/cutover/cutover"
)

// lockAgain is the time between two tries to get a lock that somebody holds.
const lockAgain = time.Second

// lock takes the service's lock. It waits for patience at most while somebody else holds it, and says who, and how much
// longer it will wait. The context ends the waiting.
func (r *rollout) lock(ctx context.Context, patience time.Duration) (cutover.Session, error) {
	line := newProgressLine(r.cmd, r.options)
	defer line.clear()
	until, told := time.Now().Add(patience), ""
	for {
		limited, cancel := within(ctx, "taking the lock of "+r.config.Service)
		session, err := r.store.Acquire(limited, r.config.Service)
		cancel()
		var locked *cutover.LockedError
		left := time.Until(until)
		if !errors.As(err, &locked) || left <= 0 {
			return session, err
		}
		told = tellOnce(r.people(), told, locked)
		line.show(fmt.Sprintf("waiting for the lock, for %s more", units.HumanDuration(left)))
		timer := time.NewTimer(min(lockAgain, left))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, errors.Join(err, context.Cause(ctx))
		case <-timer.C:
		}
	}
}

// tellOnce says who holds a lock when that has not been said yet.
func tellOnce(out io.Writer, told string, locked *cutover.LockedError) string {
	text := "held by " + locked.Holder.String()
	if locked.Ended {
		text = "lost by " + locked.Holder.String() + ", and free in a few seconds"
	}
	if text != told {
		fmt.Fprintf(out, "lock %s: %s\n", locked.Service, text)
	}
	return text
}
