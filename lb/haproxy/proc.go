package haproxy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// process is one worker as the master lists it.
type process struct {
	PID int
	Old bool
}

// parseProc reads `show proc` of the master. Versions differ in the columns after the first two (2.4 and before have
// a relative PID), and list old workers under a heading of their own, so only PID, type and heading are used.
// No running worker is an error: the master is reloading.
func parseProc(text string) ([]process, error) {
	if text == "" {
		return nil, errors.New("the master closed the connection without an answer: it is reloading, or something on the way closes connections")
	}
	if !strings.HasPrefix(text, "#<PID>") {
		return nil, fmt.Errorf("answer is not `show proc`: %q: is this the master's socket (haproxy -W -S)?", short(text))
	}
	var found []process
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "# "); ok {
			section = heading
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[1] != "worker" {
			continue
		}
		pid, err := strconv.Atoi(fields[0])
		if err != nil || pid <= 0 {
			return nil, fmt.Errorf("read `show proc`: %q is no process id", short(fields[0]))
		}
		if section != "workers" && section != "old workers" {
			return nil, fmt.Errorf("read `show proc`: worker %d is under the unknown heading %q", pid, short(section))
		}
		found = append(found, process{PID: pid, Old: section == "old workers"})
	}
	if !slices.ContainsFunc(found, func(p process) bool { return !p.Old }) {
		return nil, errors.New("the master has no running worker: it is reloading, or its last reload failed")
	}
	return found, nil
}
