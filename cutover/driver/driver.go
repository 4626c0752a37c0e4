// Package driver speaks to the products that run in the containers: when one is ready to serve, and how it is
// brought to hold nothing in memory that must not be lost. One file per product.
package driver

import (
	"context"
	"time"

	"github.com/cutover/cutover/cutover"
)

// Driver is what the composition root needs of a product: its word on readiness, the workload ladder, and a
// preflight that touches nothing.
type Driver interface {
	// Ready tells whether a running container may serve, and what is still missing. It does not block for longer
	// than its context allows.
	Ready(ctx context.Context, target string, place cutover.Place) (ready bool, detail string, err error)
	// Ladder is the workload ladder from active upwards; fewer than two states mean that there is nothing to ask.
	Ladder() []cutover.State
	// Check lists what would stop a cutover of this running container, each with its remedy. It changes nothing.
	Check(ctx context.Context, target string, place cutover.Place) []error
	cutover.Resource
}

// Containers is what a driver needs to know of, and to have done to, the container it speaks to.
type Containers struct {
	Locate func(ctx context.Context, target string) (cutover.Place, error)
	// Restart gives a container a new life unless it has begun one after since; to be asked again until it has.
	Restart func(ctx context.Context, target string, since time.Time) error
	// QuiescedAt is the latest moment at which the target may have been asked to quiesce, or the zero time.
	QuiescedAt func(target string) time.Time
}

// None asks the product nothing: a container that runs, and that Docker calls healthy, is ready.
type None struct{}

// Ready is always true: Docker's own word has been taken before.
func (None) Ready(context.Context, string, cutover.Place) (bool, string, error) {
	return true, "running", nil
}

// Ladder is empty.
func (None) Ladder() []cutover.State { return nil }

// Check finds nothing.
func (None) Check(context.Context, string, cutover.Place) []error { return nil }

// Set has nothing to ask for.
func (None) Set(context.Context, string, cutover.State) error { return nil }

// Observe finds every workload active.
func (None) Observe(context.Context, string) (cutover.Observation, error) {
	return cutover.Observation{State: cutover.Active}, nil
}
