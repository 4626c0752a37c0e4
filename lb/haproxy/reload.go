package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Reload makes HAProxy run a part of its configuration that something has rendered. HAProxy reads another file than
// the one that is rendered, so that what it refuses is never in its way when it starts again.
type Reload struct {
	Candidate  string        // the file that was rendered
	Running    string        // the file that HAProxy reads; next to it are made: .new, .previous and .lock
	Fixed      []string      // the files that HAProxy reads before that one
	Master     string        // the command line of HAProxy's master process
	Program    string        // HAProxy, to check the new file with
	AllowEmpty bool          // a backend may lose all its servers
	Timeout    time.Duration // bounds all of it
}

// Reloaded is what was done.
type Reloaded struct {
	Unchanged bool // HAProxy ran the same already
	Worker    int  // the process that runs the new file
	Before    int  // servers in the file that ran before
	Servers   int  // servers in the new one
}

// Run checks the candidate, puts it in the running file's place, reloads through the master's command line (a signal
// would kill a master that has no handlers yet) and returns when a new worker answers. It may be called at any
// time, by several at once: each takes its turn and reads the candidate when that comes. It blocks for the time-out at most.
//
// On an error HAProxy goes on with what it ran, and the running file is what it was; an error says what to do. When
// the process was killed in between, the next call does it all again.
func (r Reload) Run(ctx context.Context) (Reloaded, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.Timeout, fmt.Errorf("the reload was not over within %s", r.Timeout))
	defer cancel()
	at, err := parseSocket(r.Master)
	if err != nil {
		return Reloaded{}, fmt.Errorf("--master: %w", err)
	}
	unlock, err := lock(ctx, r.Running+".lock")
	if err != nil {
		return Reloaded{}, err
	}
	defer unlock()
	old, unfinished, err := r.old()
	if err != nil {
		return Reloaded{}, err
	}
	text, err := os.ReadFile(r.Candidate)
	if err != nil {
		return Reloaded{}, fmt.Errorf("kept the old file: read the candidate: %w", err)
	}
	had, has := serversIn(old), serversIn(string(text))
	done := Reloaded{Before: sum(had), Servers: sum(has)}
	if string(text) == old && !unfinished {
		done.Unchanged = true
		return done, nil
	}
	if err := r.enough(had, has); err != nil {
		return done, fmt.Errorf("kept the old file: %w", err)
	}
	next := r.Running + ".new"
	if err := write(next, text, r.Candidate); err != nil {
		return done, fmt.Errorf("kept the old file: %w", err)
	}
	defer os.Remove(next) //nolint:errcheck // it is gone already when all went well
	if err := r.check(ctx, next); err != nil {
		return done, fmt.Errorf("kept the old file: %w", err)
	}
	if _, err := at.master(ctx); err != nil { // before anything is changed
		return done, fmt.Errorf("kept the old file: %w", err)
	}
	if err := r.replace(next, old, unfinished); err != nil {
		return done, fmt.Errorf("kept the old file: %w", err)
	}
	if done.Worker, err = at.reload(ctx); err != nil {
		if back := r.putBack(old); back != nil {
			return done, fmt.Errorf("%w; and the old file could not be put back: %w: copy it by hand", err, back)
		}
		return done, fmt.Errorf("put the old file back: %w", err)
	}
	if err := os.Remove(r.previous()); err != nil {
		return done, fmt.Errorf("worker %d runs the new file, and the next call will reload once more than needed: %w", done.Worker, err)
	}
	return done, nil
}

// putBack gives HAProxy its old file again. What it ran before is kept: a reload that was asked for may still come, and
// then the next call sees to it that it runs what is wanted.
func (r Reload) putBack(old string) error {
	next := r.Running + ".new"
	if err := write(next, []byte(old), r.previous()); err != nil {
		return err
	}
	return rename(next, r.Running)
}

// previous is the file that HAProxy ran before, for as long as nobody has seen it run the new one.
func (r Reload) previous() string { return r.Running + ".previous" }

// old is what HAProxy was last seen to run, and whether an earlier call was killed before it saw anything newer.
func (r Reload) old() (text string, unfinished bool, err error) {
	data, err := os.ReadFile(r.previous())
	unfinished = err == nil
	if errors.Is(err, fs.ErrNotExist) {
		data, err = os.ReadFile(r.Running)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read what runs: %w", err)
	}
	return string(data), unfinished, nil
}

// replace puts the new file into the running one's place, and keeps that.
func (r Reload) replace(next, old string, kept bool) error {
	if !kept {
		if err := write(r.previous(), []byte(old), next); err != nil {
			return err
		}
	}
	if err := rename(next, r.Running); err != nil {
		if !kept {
			_ = os.Remove(r.previous()) // else the next call reloads for nothing
		}
		return err
	}
	return nil
}

// enough refuses to take all its servers from a backend. When Consul has lost sight of every instance (its own agent
// restarted, a network is cut) the list is empty: serving from the last one known is better than 503 for all.
func (r Reload) enough(had, has map[string]int) error {
	var empty []string
	for name, n := range has {
		if n == 0 && had[name] > 0 {
			empty = append(empty, fmt.Sprintf("%s (%d)", name, had[name]))
		}
	}
	if sum(has) == 0 && sum(had) > 0 && len(empty) == 0 {
		empty = []string{fmt.Sprintf("the whole file (%d)", sum(had))}
	}
	if len(empty) == 0 || r.AllowEmpty {
		return nil
	}
	slices.Sort(empty)
	return fmt.Errorf("the new one has no server where the old one has some: %s: see why Consul passes none, or use --allow-empty", strings.Join(empty, ", "))
}

// check lets HAProxy itself read the configuration as it would be.
func (r Reload) check(ctx context.Context, next string) error {
	args := []string{"-c"}
	for _, file := range append(slices.Clone(r.Fixed), next) {
		args = append(args, "-f", file)
	}
	out, err := exec.CommandContext(ctx, r.Program, args...).CombinedOutput()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("check the new one: %w", context.Cause(ctx))
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("check the new one: %w: say where HAProxy is with --haproxy", err)
	}
	why := strings.TrimSpace(string(out))
	if _, alert, found := strings.Cut(why, "[ALERT]"); found {
		why = alert
	}
	why, _, _ = strings.Cut(strings.TrimSpace(why), "\n")
	return fmt.Errorf("HAProxy refuses the new one (%w): %s", err, why)
}
