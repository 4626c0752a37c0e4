package lb

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/cutover/cutover/cutover"
)

// enough refuses to take a target out of service when too few others serve, as the registry and every balancer have it
// at this moment: what was true when the plan was made may have changed. A target that does not serve takes nothing
// away. What can't be told is an error, and the runner asks again until the step's deadline.
func (m *Members) enough(ctx context.Context, target string) error {
	if m.cfg.Fleet == nil {
		return nil
	}
	if state, _, err := m.stands(ctx, target); err != nil || state != cutover.Serving {
		return err
	}
	names, least := m.cfg.Fleet()
	if m.goingBack() {
		least = min(least, 1) // what is out for reasons of its own must not keep the fleet from being what it was
	}
	serving := 0
	var missing []string
	for _, name := range names {
		if name == target {
			continue
		}
		state, detail, err := m.stands(ctx, name)
		switch {
		case err != nil:
			return fmt.Errorf("see whether %s serves: %w", name, err)
		case state == cutover.Serving:
			serving++
		case state == "": // neither in nor out
			missing = append(missing, name+" ("+detail+")")
		}
	}
	if serving >= least {
		return nil
	}
	why := ""
	if len(missing) > 0 {
		why = ": not " + strings.Join(missing, ", ")
	}
	return fmt.Errorf("only %d others serve, and at least %d must (strategy.min_serving)%s", serving, least, why)
}

// stands is what a target is, as registry and balancers have it; blind balancers are taken to agree.
func (m *Members) stands(ctx context.Context, target string) (cutover.State, string, error) {
	seen, err := m.look(ctx, target)
	if err != nil {
		return "", "", err
	}
	state, detail := seen.judge(math.MaxInt64, nil)
	return state, detail, nil
}
