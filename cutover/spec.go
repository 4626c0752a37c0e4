package cutover

import "time"

// Spec is what the operator wants, free of every adapter's detail. Build reads nothing else beside a World.
type Spec struct {
	Service string `json:"service"`           // the rollout's name, and what the lock covers
	Rollout string `json:"rollout"`           // short id of this run; new containers are named after it
	Image   Image  `json:"image"`             // what every container shall run
	Earlier bool   `json:"earlier,omitempty"` // the image is one from before, and not what the configuration describes

	Balancers []Balancer `json:"balancers,omitempty"` // who must agree on a member's state
	Ladder    []State    `json:"ladder,omitempty"`    // the driver's workload ladder from active upwards; empty: none
	Driver    string     `json:"driver"`
	Prepares  string     `json:"prepares,omitempty"` // what quiescing does, in the product's words
	Readiness string     `json:"readiness,omitempty"`

	// Consumers says what happens to work that does not come through a load balancer. Empty: there is none.
	Consumers ConsumerPolicy `json:"consumers,omitempty"`
	Notes     []string       `json:"notes,omitempty"` // what the operator must know of this plan

	Strategy Strategy `json:"strategy"`
	Budgets  Budgets  `json:"budgets"`
}

// Image is an image pinned by its id.
type Image struct {
	Ref string `json:"ref"` // as the operator calls it
	ID  string `json:"id"`  // what containers are compared by
}

// Balancer is a load balancer whose word counts, or whose word was given up.
type Balancer struct {
	Name    string        `json:"name"`
	Blind   bool          `json:"blind,omitempty"`   // can't be looked into: it agrees after Settle
	Settle  time.Duration `json:"settle,omitempty"`  // only for a blind one
	Without bool          `json:"without,omitempty"` // the operator took it out of the agreement
}

// ConsumerPolicy says whether the new containers may fetch work while the old ones still do.
type ConsumerPolicy string

// The policies for consumers.
const (
	Overlap   ConsumerPolicy = "overlap"   // they may: each message goes to one or the other
	Exclusive ConsumerPolicy = "exclusive" // a new one fetches nothing until the one it replaces has stopped
)

// The kinds of strategy.
const (
	Rolling   = "rolling"   // node after node, on a shared data store
	BlueGreen = "bluegreen" // a node alone: frozen while its replacement starts on the same data store
	Cluster   = "cluster"   // a whole new set next to the old one, with a cluster and a database of its own
)

// Strategy says how fast, and how carefully.
type Strategy struct {
	Kind       string        `json:"kind,omitempty"` // default: rolling
	MinServing int           `json:"min_serving"`    // 0: as many as serve now
	MaxSurge   int           `json:"max_surge"`      // running containers beyond the fleet; at least 1
	Start      int           `json:"start"`          // new containers started at a time
	Shift      int           `json:"shift"`          // nodes shifted at a time
	Hold       time.Duration `json:"hold"`           // how long a good state must last before it counts
	Soak       time.Duration `json:"soak"`           // how long the new fleet must serve before the old one is removed
}

// Budgets are the deadlines of each kind of step, hold not included.
type Budgets struct {
	Create  time.Duration `json:"create"`
	Start   time.Duration `json:"start"`
	Join    time.Duration `json:"join"`
	Drain   time.Duration `json:"drain"`
	Quiesce time.Duration `json:"quiesce"`
	Stop    time.Duration `json:"stop"`
	Remove  time.Duration `json:"remove"` // what is to be kept of the old containers is exported before they go

	OnDrainTimeout Policy `json:"on_drain_timeout"`
}
