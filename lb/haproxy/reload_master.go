package haproxy

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mastered is what a master says of itself at one moment.
type mastered struct {
	workers []process
	reloads string // how many it has done; "" where it does not tell, before 2.5
	failed  bool   // the last one failed, and the workers of before go on
	version string // of HAProxy; "" where it does not tell, before 2.4
}

var masterLine = regexp.MustCompile(`(?m)^\d+\s+master\s+(\d+) \[failed: (\d+)\]`)

var versionLine = regexp.MustCompile(`(?m)^\d+\s+master\s.*\s(\d+\.\d\S*)\s*$`)

func parseMaster(text string) (mastered, error) {
	workers, err := parseProc(text)
	if err != nil {
		return mastered{}, err
	}
	m := mastered{workers: workers}
	if said := masterLine.FindStringSubmatch(text); said != nil {
		m.reloads, m.failed = said[1], said[2] != "0"
	}
	if said := versionLine.FindStringSubmatch(text); said != nil {
		m.version = said[1]
	}
	return m, nil
}

// running is a running worker that is not among the given ones, or 0.
func (m mastered) running(before []process) int {
	for _, p := range m.workers {
		if !p.Old && !slices.ContainsFunc(before, func(b process) bool { return b.PID == p.PID }) {
			return p.PID
		}
	}
	return 0
}

// master asks until the master answers with a running worker, or the context ends.
func (s socket) master(ctx context.Context) (mastered, error) {
	for {
		answer, err := s.ask(ctx, "show proc")
		if err == nil {
			var m mastered
			if m, err = parseMaster(answer); err == nil {
				return m, nil
			}
		}
		if ended := rest(ctx); ended != nil {
			return mastered{}, fmt.Errorf("HAProxy's master does not answer (is it running with -W -S, and is --master right?): %w", errors.Join(ended, err))
		}
	}
}

// reload reloads, and returns the new worker once that answers. HAProxy up to 2.6 ends the connection that asked and
// says nothing; later ones answer Success=0 or 1 and what was logged. Both count: a reload that failed, and workers.
func (s socket) reload(ctx context.Context) (int, error) {
	before, err := s.master(ctx)
	if err != nil {
		return 0, err
	}
	for {
		answer, _ := s.ask(ctx, "reload") // an error says no more than silence: what is seen decides
		if why, failed := strings.CutPrefix(answer, "Success=0"); failed {
			return 0, fmt.Errorf("HAProxy goes on with the old one, the reload failed: %s", short(strings.TrimLeft(why, "\n-")))
		}
		if strings.HasPrefix(answer, "Permission denied") {
			return 0, fmt.Errorf("the master's command line does not let it be reloaded: give it level admin (-S …,level,admin)")
		}
		worker, asked, err := s.loaded(ctx, before)
		if asked || err != nil {
			return worker, err
		}
		if err := rest(ctx); err != nil {
			return 0, fmt.Errorf("HAProxy's master does not begin to reload: %w", err)
		}
	}
}

// loaded waits for what a reload leads to. It tells false when the master has not begun any: the one that was asked
// was just replacing itself because of another one.
func (s socket) loaded(ctx context.Context, before mastered) (worker int, begun bool, err error) {
	for {
		now, err := s.master(ctx)
		if err != nil {
			return 0, true, err
		}
		if pid := now.running(before.workers); pid != 0 && s.ready(ctx, pid) {
			return pid, true, nil
		}
		if now.reloads != "" && now.reloads == before.reloads {
			return 0, false, nil
		}
		if now.failed {
			return 0, true, errors.New("HAProxy goes on with the old one, the reload failed: its log says why, such as an address that is in use")
		}
		if err := rest(ctx); err != nil {
			return 0, true, fmt.Errorf("no new worker was seen: %w", err)
		}
	}
}

// ready reports whether a worker answers and is not on its way out.
func (s socket) ready(ctx context.Context, pid int) bool {
	info, err := s.ask(ctx, fmt.Sprintf("@!%d show info", pid))
	return err == nil && field(info, "Pid") == strconv.Itoa(pid) && field(info, "Stopping") == "0"
}
