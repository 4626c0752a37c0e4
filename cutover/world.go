package cutover

import (
	"encoding/json"
	"time"
)

// World is one observation of the fleet: what the containers with the configured label are, right now.
type World struct {
	Nodes []Node `json:"nodes"`
}

// Node is one running container of the fleet.
type Node struct {
	Name      string    `json:"name"`           // the container's name
	Base      string    `json:"base"`           // the name it had before any rollout; new ones are called Base.rollout
	Host      string    `json:"host,omitempty"` // the engine it runs on
	ID        string    `json:"id"`
	Image     Image     `json:"image"`
	StartedAt time.Time `json:"started_at"`
	Life      string    `json:"life,omitempty"` // as Place has it; "": not known
	Container State     `json:"container"`
	Member    State     `json:"member"`
	Workload  State     `json:"workload"`
	Detail    string    `json:"detail,omitempty"` // why a state is empty or unexpected

	// Facts are what each adapter must remember of the node to bring it back or to make its successor: restart
	// policy, registrations. Never a secret: they are journaled.
	Facts map[Kind]json.RawMessage `json:"facts,omitempty"`
}
