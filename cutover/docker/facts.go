package docker

import (
	"encoding/json"
	"fmt"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"

	"github.com/cutover/cutover/cutover"
)

// facts are what must be remembered of an old container: how it was restarted before its policy was switched off,
// and where the fixed host ports of its successor go.
type facts struct {
	RestartPolicy container.RestartPolicy `json:"restart_policy"`
	Networks      []string                `json:"networks"`
	Ports         map[nat.Port][]int      `json:"ports,omitempty"` // of the new container, one per fixed binding
}

func factsOf(node cutover.Node) (facts, error) {
	var f facts
	if err := json.Unmarshal(node.Facts[cutover.Container], &f); err != nil {
		return f, fmt.Errorf("read what was remembered of %s: %w", node.Name, err)
	}
	return f, nil
}
