package haproxy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	oneServer  = "backend app\n  server s0 127.0.0.1:1\n"
	twoServers = oneServer + "  server s1 127.0.0.1:2 # and server s2\n"
	noServer   = "backend app\n  balance roundrobin\n"
)

// mother is a master that starts a worker at each reload, unless it is told to fail.
type mother struct {
	mu      sync.Mutex
	pid     int
	reloads int
	fails   bool
	failed  bool
	deaf    int    // reloads that it does not hear
	says    string // what it answers to a reload, as 2.7 and later do
	runs    func() // called at every reload that it does
}

func (m *mother) answer(line string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case line == "show proc":
		failed := 0
		if m.failed {
			failed = 1
		}
		return fmt.Sprintf("#<PID> <type> <reloads> <uptime> <version>\n1 master %d [failed: %d] 0d 2.6\n# workers\n%d worker 0 0d 2.6\n\n", m.reloads, failed, m.pid)
	case line == "reload" && m.deaf > 0:
		m.deaf--
		return ""
	case line == "reload":
		m.reloads++
		m.failed = m.fails
		if !m.fails {
			m.pid++
			m.runs()
		}
		return m.says
	}
	return fmt.Sprintf("Pid: %d\nStopping: 0\n\n", m.pid)
}

// stage is a folder with a running file, and a master beside it.
type stage struct {
	Reload
	master *mother
	ran    []string // what each worker was started with
}

func newStage(t *testing.T) *stage {
	t.Helper()
	folder := t.TempDir()
	s := &stage{master: &mother{pid: 100}}
	s.master.runs = func() { s.ran = append(s.ran, s.text(t, s.Running)) }
	checker := filepath.Join(folder, "haproxy") // refuses what has BAD in it
	script := "#!/bin/sh\nfor last; do :; done\nif grep -q BAD \"$last\"; then echo \"[NOTICE] x\n[ALERT] config: bad word\n[ALERT] more\" >&2; exit 1; fi\n"
	s.Reload = Reload{
		Candidate: filepath.Join(folder, "candidate.cfg"), Running: filepath.Join(folder, "running.cfg"),
		Master: listen(t, s.master.answer), Program: checker, Timeout: 5 * time.Second,
	}
	for path, text := range map[string]string{checker: script, s.Candidate: twoServers, s.Running: oneServer} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *stage) text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

func (s *stage) render(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(s.Candidate, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// is checks the running file, and that nothing but the lock is left beside it, and what HAProxy ran before where that
// is kept.
func (s *stage) is(t *testing.T, want string, kept bool) {
	t.Helper()
	if got := s.text(t, s.Running); got != want {
		t.Errorf("the running file is %q, want %q", got, want)
	}
	for _, left := range []string{".new", ".previous"} {
		if _, err := os.Stat(s.Running + left); (err == nil) != (kept && left == ".previous") {
			t.Errorf("%s: %v", left, err)
		}
	}
}

func TestReload(t *testing.T) {
	s := newStage(t)
	done, err := s.Run(t.Context())
	if err != nil || done != (Reloaded{Worker: 101, Before: 1, Servers: 2}) {
		t.Fatalf("%+v, %v", done, err)
	}
	s.is(t, twoServers, false)
	if !slices.Equal(s.ran, []string{twoServers}) {
		t.Errorf("the worker was started with %q", s.ran)
	}
	if done, err := s.Run(t.Context()); err != nil || !done.Unchanged || s.master.reloads != 1 {
		t.Errorf("the same again: %+v, %v, %d reloads", done, err, s.master.reloads)
	}
}

func TestReloadThatIsNotDoneKeepsTheOldFile(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*testing.T, *stage)
		want   string
	}{
		"HAProxy refuses it":    {func(t *testing.T, s *stage) { s.render(t, twoServers+"BAD\n") }, "config: bad word"},
		"no server left":        {func(t *testing.T, s *stage) { s.render(t, noServer) }, "no server where the old one has some: app (1)"},
		"no backend left":       {func(t *testing.T, s *stage) { s.render(t, "# nothing\n") }, "the whole file (1)"},
		"no candidate":          {func(_ *testing.T, s *stage) { _ = os.Remove(s.Candidate) }, "read the candidate"},
		"no HAProxy":            {func(_ *testing.T, s *stage) { s.Program = "/nowhere/haproxy" }, "--haproxy"},
		"no master":             {func(_ *testing.T, s *stage) { s.Master, s.Timeout = "unix:///nowhere.sock", time.Second }, "HAProxy's master does not answer"},
		"bad master":            {func(_ *testing.T, s *stage) { s.Master = "localhost:9998" }, "--master: it must look like"},
		"reload fails":          {func(_ *testing.T, s *stage) { s.master.fails = true }, "put the old file back: HAProxy goes on with the old one"},
		"reload fails and says": {func(_ *testing.T, s *stage) { s.master.fails, s.master.says = true, "Success=0\n--\n[ALERT] no port\n" }, "the reload failed: [ALERT] no port"},
		"no permission": {func(_ *testing.T, s *stage) {
			s.master.deaf, s.master.says = 0, "Permission denied\n"
			s.master.fails = true
		}, "level admin"},
		"nobody hears": {func(_ *testing.T, s *stage) { s.master.deaf, s.Timeout = 1<<30, 100*time.Millisecond }, "not over within 100ms"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			test.change(t, s)
			if _, err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			asked := slices.Contains([]string{"reload fails", "reload fails and says", "no permission", "nobody hears"}, name)
			s.is(t, oneServer, asked)
			if len(s.ran) > 0 {
				t.Errorf("a worker was started with %q", s.ran)
			}
		})
	}
}

// A reload that came to nothing in time may still come. When Consul then goes back to what was before, the next call
// sees to it that HAProxy does too.
func TestReloadThatMayStillCome(t *testing.T) {
	s := newStage(t)
	s.master.deaf, s.Timeout = 1<<30, 100*time.Millisecond
	if _, err := s.Run(t.Context()); err == nil {
		t.Fatal("nobody heard, and no error")
	}
	s.master.deaf, s.Timeout = 0, 10*time.Second
	s.render(t, oneServer)
	if done, err := s.Run(t.Context()); err != nil || done.Unchanged || !slices.Equal(s.ran, []string{oneServer}) {
		t.Errorf("%+v, %v: %q", done, err, s.ran)
	}
	s.is(t, oneServer, false)
}

func TestReloadMayEmptyABackendWhenTold(t *testing.T) {
	s := newStage(t)
	s.render(t, noServer)
	s.AllowEmpty = true
	if _, err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.is(t, noServer, false)
}

// A master that is replacing itself loses what it was asked on a connection of before.
func TestReloadIsAskedForAgain(t *testing.T) {
	s := newStage(t)
	s.master.deaf = 2
	if done, err := s.Run(t.Context()); err != nil || done.Worker != 101 || s.master.reloads != 1 {
		t.Fatalf("%+v, %v, %d reloads", done, err, s.master.reloads)
	}
}

// A call that was killed after it had replaced the file leaves behind what ran before; nobody knows what runs now.
func TestReloadAfterOneThatWasKilled(t *testing.T) {
	s := newStage(t)
	for path, text := range map[string]string{s.Running: twoServers, s.Running + ".previous": oneServer} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.master.fails = true
	if _, err := s.Run(t.Context()); err == nil {
		t.Fatal("the reload failed, and no error")
	}
	s.is(t, oneServer, true)
	s.master.fails = false
	if done, err := s.Run(t.Context()); err != nil || done.Unchanged || len(s.ran) != 1 {
		t.Fatalf("%+v, %v: %q", done, err, s.ran)
	}
	s.is(t, twoServers, false)
}

func TestReloadsTakeTurns(t *testing.T) {
	s := newStage(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := s.Run(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s.is(t, twoServers, false)
	if len(s.ran) != 1 {
		t.Errorf("%d reloads, want one: the others had nothing to do", len(s.ran))
	}
	unlock, err := lock(t.Context(), s.Running+".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	s.Timeout = 50 * time.Millisecond
	if _, err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "another reload holds") || errors.Is(err, context.Canceled) {
		t.Errorf("with the lock held: %v", err)
	}
}

func TestServersAreCounted(t *testing.T) {
	text := "global\n  server x\nbackend a\n server s 1\nlisten b # server\n server-template gw 1-5 _x._tcp resolvers r\n" +
		" server-template hw 3 x:1\nbackend cutover-canary\n server x 1\nbackend c\n # server t 1\n default-server check\n"
	got := serversIn(text)
	if len(got) != 3 || got["a"] != 1 || got["b"] != 8 || got["c"] != 0 {
		t.Errorf("%v", got)
	}
}
