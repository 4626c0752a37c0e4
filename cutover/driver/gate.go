package driver

import (
	"strings"
	"time"

	"github.com/cutover/cutover/cutover"
)

// gate is one thing that must be well before a container serves. Its line is for people; an error means that it could
// not be told.
type gate func() (open bool, line string, err error)

// pass goes through gates in order, up to the first that is shut, and tells one line for each.
func pass(gates ...gate) (bool, string, error) {
	var lines []string
	for _, ask := range gates {
		open, line, err := ask()
		if err != nil {
			return false, "", err
		}
		if line != "" {
			lines = append(lines, line)
		}
		if !open {
			return false, strings.Join(lines, "\n"), nil
		}
	}
	return true, strings.Join(lines, "\n"), nil
}

// settled remembers the gates of one life of a container that have opened and stay open: they are costly to ask.
type settled map[string]string

// once asks a gate until it has opened in this life of the container.
func (s settled) once(name, target string, place cutover.Place, ask gate) gate {
	key := name + " " + target + " " + place.StartedAt.Format(time.RFC3339Nano)
	return func() (bool, string, error) {
		if line, opened := s[key]; opened {
			return true, line, nil
		}
		open, line, err := ask()
		if open && err == nil {
			s[key] = line
		}
		return open, line, err
	}
}
