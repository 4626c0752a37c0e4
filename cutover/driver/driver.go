// Package driver speaks to the products that run in the containers: when one is ready to serve, and how it is
// brought to hold nothing in memory that must not be lost. apigateway_*.go and integrationserver_*.go are two products
// on one server, which server*.go speaks to.
package driver

import (
	"context"

	"github.com/cutover/cutover/cutover"
)

// Driver is what the composition root needs of a product: its word on readiness, the workload ladder, and a
// preflight that touches nothing.
type Driver interface {
	// Ready tells whether a running container may serve, and what is still missing: one line for everything that was
	// looked at, up to the first that is not well. It does not block for longer than its context allows.
	Ready(ctx context.Context, target string, place cutover.Place) (ready bool, detail string, err error)
	// Survey looks at a running container that is to be replaced: what its successor must match, and everything that
	// would stop a cutover of it, each with its remedy. It changes nothing.
	Survey(ctx context.Context, target string, place cutover.Place) (Facts, []error)
	// Procedure is how these nodes are retired. It is pure.
	Procedure(seen []Facts) Procedure
	cutover.Resource
}

// Procedure is how a product is retired, for the plan.
type Procedure struct {
	Ladder    []cutover.State // from active upwards; fewer than two states mean that there is nothing to ask
	Prepares  string          // what quiescing does, in the product's words
	Readiness string          // what is looked at before a new container serves
	Serial    bool            // nodes may be quiesced one after the other only
	Notes     []string        // what the operator must know
}

// Stopper is a driver that asks its product to end before the container gets its stop signal.
type Stopper interface {
	// Stopping asks a running container's product to end. It does not wait and may be repeated; what it can't do the
	// stop signal does.
	Stopping(ctx context.Context, target string, place cutover.Place) error
}

// Counter is a driver whose product tells how many requests it works on that came through the load balancers.
type Counter interface {
	// InFlight is that number; told is false when this product does not tell.
	InFlight(ctx context.Context, place cutover.Place) (n int, told bool, err error)
}

// Loader is a driver whose product tells which packages it has loaded.
type Loader interface {
	// Loaded reports whether a product answers and has these packages enabled and loaded without an error. Its health,
	// which may be red for want of what it is connected to, is not asked. The error is that it refuses to tell.
	Loaded(ctx context.Context, place cutover.Place, packages []string) (well bool, detail string, err error)
}

// Consumer is a driver whose product works without a load balancer too.
type Consumer interface {
	// Consumers is the ladder of that work.
	Consumers() cutover.Resource
}

// Containers is what a driver needs to know of, and to have done to, the container it speaks to. What is nil is not
// known, or not to be had.
type Containers struct {
	Locate func(ctx context.Context, target string) (cutover.Place, error)
	// Restart gives a container a new life unless it has begun one after since; to be asked again until it has.
	Restart func(ctx context.Context, target string, since cutover.Moment) error
	// Moved is called for a container that was given a new life although no step had it: it may have another address
	// now. To be repeated until it gives no error.
	Moved func(ctx context.Context, target string) error
	// KeepDown switches a container's restart policy off, so that a process that ends stays ended. KeepUp gives it the
	// one that it had, or that of the container which it replaces.
	KeepDown, KeepUp func(ctx context.Context, target string) error
	// QuiescedAt is when the target was last asked to quiesce, or the zero moment.
	QuiescedAt func(target string) cutover.Moment
	// QuiesceBegan is when the target was first asked to on the way forward, in this process or one before it, or the
	// zero moment.
	QuiesceBegan func(target string) cutover.Moment
	// Facts are those of the old node that a target is, or replaces; none before there is a plan.
	Facts func(target string) (Facts, bool)
	// Old is the container that a target replaces, or "".
	Old func(target string) string
	// Peers are the other containers of the rollout.
	Peers func(target string) []Peer
	// Turned is why the run turned round, or "".
	Turned func() string
	// Hashes are the SHA-256 of those of these files that a container has, by path.
	Hashes func(ctx context.Context, target string, paths []string) (map[string]string, error)
	// Environment is that of a container now, and that of the one which would replace it.
	Environment func(ctx context.Context, target string) (now, next map[string]string, err error)
}

// Peer is another container of the same rollout.
type Peer struct {
	Name string
	New  bool // made by the rollout
}

// Facts are what was seen of an old node when the plan was made. They are journaled, so there is no secret in them.
type Facts struct {
	Clustered    bool     `json:"clustered,omitempty"`
	Cluster      string   `json:"cluster,omitempty"` // its name and addresses, to tell two clusters apart
	Nodes        int      `json:"nodes,omitempty"`   // healthy members of the cluster; 0: not told
	Packages     []string `json:"packages,omitempty"`
	Consumers    []Work   `json:"consumers,omitempty"`
	NoQuiesceAll bool     `json:"no_quiesce_all,omitempty"` // its API has no quiescemode
}

// None asks the product nothing: a container that runs, and that Docker calls healthy, is ready.
type None struct{}

// Ready is always true: Docker's own word has been taken before.
func (None) Ready(context.Context, string, cutover.Place) (bool, string, error) {
	return true, "running", nil
}

// Survey finds nothing.
func (None) Survey(context.Context, string, cutover.Place) (Facts, []error) { return Facts{}, nil }

// Procedure is empty.
func (None) Procedure([]Facts) Procedure { return Procedure{Readiness: "running"} }

// Set has nothing to ask for.
func (None) Set(context.Context, string, cutover.State) error { return nil }

// Observe finds every workload active.
func (None) Observe(context.Context, string) (cutover.Observation, error) {
	return cutover.Observation{State: cutover.Active}, nil
}
