package haproxy

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// sets answers `set server` and counts who was told, and shows a transcript otherwise.
func sets(t *testing.T, name, answer string) (string, func() []string) {
	t.Helper()
	all, proc := transcript(t, name)
	var mu sync.Mutex
	var told []string
	address := listen(t, func(line string) string {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case line == "show proc":
			return proc
		case strings.Contains(line, "set server"):
			told = append(told, line)
			return answer
		}
		return proc + all
	})
	return address, func() []string { mu.Lock(); defer mu.Unlock(); return told }
}

func TestHold(t *testing.T) {
	cases := []struct {
		name, transcript, answer string
		on                       bool
		note, first              string
	}{
		{"running worker", "running", "\n", true, "", "@!5973 set server app/s1 state maint"},
		{"held already", "held-running", "\n", true, "", ""},
		{"release", "held-running", "\n", false, "", "@!6953 set server app/s1 state ready"},
		{"nothing to release", "running", "\n", false, "", ""},
		{"level too low", "running", "Permission denied\n\n", true, "level admin", "@!5973 set server app/s1 state maint"},
		// seen on 2.6.12: a worker that was reloaded refuses every `set server`
		{"old worker", "unheld-idle", "Proxy is disabled.\n\n", true, "old worker 6181 can't be told any more", "@!6181 set server app/s1 state maint"},
		{"old worker is not released", "held-idle", "\n", false, "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			master, told := sets(t, c.transcript, c.answer)
			note, err := balancer(t, Config{Master: master}).Hold(t.Context(), []netip.AddrPort{s1}, c.on)
			if err != nil {
				t.Fatal(err)
			}
			if (note == "") != (c.note == "") || !strings.Contains(note, c.note) {
				t.Errorf("note %q, want %q", note, c.note)
			}
			got := ""
			if len(told()) > 0 {
				got = told()[0]
			}
			if got != c.first {
				t.Errorf("told %q, want %q", got, c.first)
			}
		})
	}
}

func TestHoldFallsBackToTheStatsSocket(t *testing.T) {
	master, _ := sets(t, "running", "Permission denied\n\n")
	stats, told := sets(t, "running", "\n")
	note, err := balancer(t, Config{Master: master, Stats: stats}).Hold(t.Context(), []netip.AddrPort{s1}, true)
	if err != nil || note != "" || len(told()) == 0 {
		t.Errorf("note %q, %v, stats socket was told %v", note, err, told())
	}
}

func TestHoldIsLeftToARuntimeFollower(t *testing.T) {
	master, told := sets(t, "running", "\n")
	b := balancer(t, Config{Master: master, FollowsRuntime: true})
	if _, err := b.Hold(t.Context(), []netip.AddrPort{s1}, true); err != nil || len(told()) != 0 {
		t.Errorf("%v, told %v: MAINT would be taken for the registry's word", err, told())
	}
}
