package docker

import (
	"context"
	"fmt"

	"github.com/cutover/cutover/cutover"
)

// Labels that Compose puts on its containers.
const (
	composeProject = "com.docker.compose.project"
	composeService = "com.docker.compose.service"
)

// ComposeNote says what a later "up -d" of Compose would do to the fleet of a plan, and how to keep it from doing
// so; "" when Compose did not make it. Compose knows its containers by their labels, which the clones keep: it
// recreates those whose config-hash label is not the one that it computes from its file.
func (e *Fleet) ComposeNote(ctx context.Context, plan cutover.Plan) (string, error) {
	if len(plan.Pairs) == 0 {
		return "", nil
	}
	c, err := e.engine.ContainerInspect(ctx, plan.Pairs[0].Old)
	if err != nil {
		return "", fmt.Errorf("inspect %s: %w", plan.Pairs[0].Old, err)
	}
	project, service := c.Config.Labels[composeProject], c.Config.Labels[composeService]
	if project == "" {
		return "", nil
	}
	return fmt.Sprintf(`Compose: these containers belong to service %[2]s of project %[1]s, and so will their replacements. As long as the
Compose file is left alone, docker compose up -d leaves them alone too. Once the file names %[3]s,
docker compose up -d would recreate ALL of them at once, without draining any: after changing the file use
"docker compose up -d --no-recreate", and let cutover make every change to %[2]s.`, project, service, plan.Spec.Image.Ref), nil
}

// For is the same fleet with other options.
func (e *Fleet) For(options Options) *Fleet {
	other := *e
	other.options = options
	return &other
}
