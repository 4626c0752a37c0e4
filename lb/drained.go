package lb

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cutover/cutover/cutover"
)

// drained observes a target that no balancer sends anything new: whether what it was sent is over, by the balancers' word
// and by its own connections. What is left of classes whose budget is over is given up, or is why it can't be drained.
func (m *Members) drained(ctx context.Context, target string, seen sighting, still time.Duration) (cutover.Observation, error) {
	d, now := m.draining(target), m.cfg.Now()
	if d.left.IsZero() {
		d.left = now
	}
	seen, over := m.excuse(seen, now.Sub(d.left))
	state, detail := seen.judge(still, m.notes)
	open, err := m.connections(ctx, target, seen, state == cutover.Drained, &over)
	if err != nil {
		return cutover.Observation{}, fmt.Errorf("observe member %s: not observed: %w", target, err)
	}
	if open.detail != "" {
		detail = open.detail + ", " + detail
	}
	if len(over.fail) > 0 {
		return cutover.Observation{Detail: detail, Doomed: "still open: " + strings.Join(over.fail, ", ")}, nil
	}
	if open.open > 0 {
		state = ""
	}
	if state == cutover.Drained && m.cfg.InFlight != nil && !d.entering {
		n, told, err := m.cfg.InFlight(ctx, target)
		if err != nil {
			return cutover.Observation{}, fmt.Errorf("observe member %s: not observed: %w", target, err)
		}
		if told {
			detail = fmt.Sprintf("product: %d, %s", n, detail)
		}
		if n > over.n { // those that are cut may be among them
			state = ""
		}
	}
	var warnings []string
	if open.left != "" {
		warnings = append(warnings, "connections from addresses that nobody has named were still open and are cut when it stops: "+open.left+
			": a load balancer's or Docker's proxy belongs in load_balancers[].from, a health check or scraper in strategy.drain.checkers")
	}
	if cut := over.warning(); cut != "" {
		warnings = append(warnings, cut)
	}
	return cutover.Observation{
		State: state, Detail: detail, Warning: strings.Join(warnings, "; "), Stragglers: state == "", Cut: over.n,
	}, nil
}
