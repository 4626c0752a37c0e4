package lb

import (
	"fmt"
	"strings"

	"github.com/cutover/cutover/cutover"
)

// registryState tells the rung that the registry holds for all services of a target together, and says it for people.
// It is empty when they differ, when a check does not pass, or when a registration leads elsewhere.
func registryState(members []member) (cutover.State, string) {
	all, passing, maintained, registered := 0, 0, 0, 0
	var missing []string
	for _, one := range members {
		if len(one.regs) == 0 {
			missing = append(missing, one.service.Name+" not registered")
			continue
		}
		registered++
		for _, r := range one.regs {
			all++
			switch {
			case r.Maintenance:
				maintained++
				if r.Endpoint() != one.want && one.want.IsValid() {
					missing = append(missing, fmt.Sprintf("%s leads to %s, it is at %s", r.ID, r.Endpoint(), one.want))
				}
			case r.Endpoint() != one.want:
				missing = append(missing, fmt.Sprintf("%s leads to %s:%d, where it does not run", r.ID, r.Address, r.Port))
			case !r.Passing:
				missing = append(missing, strings.TrimSpace(one.service.Name+" critical "+short(r.CheckOutput)))
			default:
				passing++
			}
		}
	}
	switch {
	case all == 0:
		return cutover.Out, "not registered"
	case registered == len(members) && maintained == all:
		return cutover.Drained, "maintenance"
	case registered == len(members) && passing == all:
		return cutover.Serving, "passing"
	case len(missing) == 0:
		return "", fmt.Sprintf("%d of %d in maintenance", maintained, all)
	}
	return "", strings.Join(missing, ", ")
}

// short cuts what a check said down to its first line, without the body that an HTTP check appends: that can be long
// and can hold anything.
func short(output string) string {
	output, _, _ = strings.Cut(output, "\n")
	output, _, _ = strings.Cut(output, " Output:")
	if len(output) > 120 {
		output = strings.ToValidUTF8(output[:120], "") + "…"
	}
	if output == "" {
		return ""
	}
	return "(" + output + ")"
}
