package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cutover/cutover/cutover"
)

// String is the report's end as a person reads it: what came of it, what was lost, and what to do now.
func (r Report) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s, rollout %s: %s (exit %d) after %s\n", r.Service, r.Rollout, headline(r.Outcome), r.ExitCode,
		r.Finished.Sub(r.Started).Round(100*time.Millisecond))
	if r.Reason != "" {
		fmt.Fprintf(&out, "  because: %s\n", strings.ReplaceAll(r.Reason, "\n", "\n           "))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&out, "  warning: %s\n", warning)
	}
	if r.Cut > 0 {
		fmt.Fprintf(&out, "  %d connections in flight were cut, because their budget was over\n", r.Cut)
	}
	if p := r.Probe; p != nil {
		fmt.Fprintf(&out, "  %d of %d requests lost\n", p.Lost, p.Requests)
		if p.Resent > 0 {
			fmt.Fprintf(&out, "  %d met the end of an idle connection, as nginx closes them at a reload, and were sent again\n", p.Resent)
		}
		for _, loss := range p.Losses[:min(len(p.Losses), 5)] {
			fmt.Fprintf(&out, "    %s %s: %s (during %s)\n", loss.At.Format("15:04:05.000"), loss.Request, loss.Why, loss.Step)
		}
		fmt.Fprintf(&out, "  latency before: p50 %.1f ms, p99 %.1f ms, max %.1f ms\n", p.Before.P50, p.Before.P99, p.Before.Max)
		fmt.Fprintf(&out, "  latency during: p50 %.1f ms, p99 %.1f ms, max %.1f ms\n", p.During.P50, p.During.P99, p.During.Max)
		if len(p.Versions) > 0 {
			var versions []string
			for _, version := range slices.Sorted(maps.Keys(p.Versions)) {
				versions = append(versions, fmt.Sprintf("%s: %d", version, p.Versions[version]))
			}
			fmt.Fprintf(&out, "  answered by %s\n", strings.Join(versions, ", "))
		}
	}
	if len(r.Propagation) > 0 {
		sorted := slices.Sorted(slices.Values(r.Propagation))
		fmt.Fprintf(&out, "  from Consul's change to every load balancer's agreement: median %.0f ms, max %.0f ms (%d changes)\n",
			sorted[len(sorted)/2], sorted[len(sorted)-1], len(sorted))
	}
	fmt.Fprintf(&out, "  own overhead %.2f s\n", r.Overhead)
	if next := whatNow(r.Outcome); next != "" {
		fmt.Fprintf(&out, "  now: %s\n", next)
	}
	return out.String()
}

func headline(outcome cutover.Outcome) string {
	switch outcome {
	case cutover.Done:
		return "done"
	case cutover.NothingToDo:
		return "nothing to do"
	case cutover.RolledBack:
		return "rolled back: the fleet serves as it did before"
	case cutover.Stuck:
		return "STUCK: a person is needed"
	case cutover.LockTrouble:
		return "the lock was lost: nothing more was touched"
	case cutover.Interrupted:
		return "stopped where it was"
	default:
		return string(outcome)
	}
}

func whatNow(outcome cutover.Outcome) string {
	switch outcome {
	case cutover.Stuck:
		return "mend what is named above, then cutover resume; cutover status shows how far it came"
	case cutover.LockTrouble:
		return "cutover status shows who runs it; cutover resume or rollback carries it on when nobody does"
	case cutover.Interrupted:
		return "cutover resume goes on in the same direction, cutover rollback goes back"
	case cutover.RolledBack:
		return "mend the cause, then plan again"
	default:
		return ""
	}
}
