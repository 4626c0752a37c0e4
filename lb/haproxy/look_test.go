package haproxy

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/lb"
)

var (
	s1 = netip.MustParseAddrPort("127.0.0.1:18101") // removed by the reload in the transcripts
	s2 = netip.MustParseAddrPort("127.0.0.1:18102")
)

// The transcripts: two servers; six keep-alive clients, then idle, and two slow requests; a reload without s1.
func TestLookAtTranscripts(t *testing.T) {
	cases := []struct {
		name         string
		workers      int
		runs1, away1 bool
		detail       string
	}{
		{"running", 1, true, false, "still UP"},
		{"held-running", 1, false, false, "held at runtime, its configuration still has it, worker 6953: 1 sessions"},
		{"held-flight", 2, false, false, "old worker 6953: 1 sessions"},
		{"held-idle", 2, false, true, "0"},
		{"held-closed", 1, false, true, "0"},
		// the new worker's counters say nothing of the request that the old one still has in flight
		{"unheld-flight", 2, false, false, "old worker 6181: 1 sessions"},
		// no session, and yet the next requests of six idle clients may go to the server that was removed
		{"unheld-idle", 2, false, false, "old worker 6181: 6 clients can still reach it"},
		{"unheld-closed", 1, false, true, "0"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			view, err := replay(t, c.name).Look(t.Context(), []netip.AddrPort{s1, s2})
			if err != nil {
				t.Fatal(err)
			}
			if len(view.Workers) != c.workers {
				t.Fatalf("%d workers, want %d", len(view.Workers), c.workers)
			}
			if ok, detail := view.Runs(s2); !ok {
				t.Errorf("s2: %s", detail)
			}
			if ok, detail := view.Runs(s1); ok != c.runs1 {
				t.Errorf("s1 runs: %v (%s), want %v", ok, detail, c.runs1)
			}
			if ok, detail := view.Away(s1); ok != c.away1 || detail != c.detail {
				t.Errorf("s1 away: %v %q, want %v %q", ok, detail, c.away1, c.detail)
			}
		})
	}
}

func TestLookIPv6AndDisabled(t *testing.T) {
	all, _ := transcript(t, "stats-admin")
	all = strings.Replace(all, "127.0.0.1:18101", "[fd00::1]:18101", 1)
	b := balancer(t, Config{Master: oneWorker(t, all)})
	e := netip.MustParseAddrPort("[fd00::1]:18101")
	view, err := b.Look(t.Context(), []netip.AddrPort{e})
	if err != nil {
		t.Fatal(err)
	}
	if ok, detail := view.Runs(e); !ok {
		t.Errorf("runs %v (%s)", ok, detail)
	}
}

func TestEveryCutIsAnErrorOrComplete(t *testing.T) {
	all, proc := transcript(t, "unheld-flight")
	whole, err := replay(t, "unheld-flight").Look(t.Context(), []netip.AddrPort{s1})
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(proc)+len(all); cut += 37 {
		b := balancer(t, Config{Master: listen(t, func(line string) string {
			if line == "show proc" {
				return proc
			}
			return (proc + all)[:cut]
		})})
		if view, err := b.Look(t.Context(), []netip.AddrPort{s1}); err == nil {
			t.Fatalf("cut at %d of %d: no error, saw %+v, whole %+v", cut, len(proc)+len(all), view, whole)
		}
	}
}

func TestWorkerThatHasJustGoneIsNoError(t *testing.T) {
	before, procBefore := transcript(t, "unheld-idle")
	after, procAfter := transcript(t, "unheld-closed")
	_ = before
	asked := 0
	b := balancer(t, Config{Master: listen(t, func(line string) string {
		asked++
		switch {
		case line == "show proc" && asked == 1:
			return procBefore
		case line == "show proc":
			return procAfter
		case strings.Contains(line, "@!6181") && asked == 2:
			return procBefore + after[:strings.Index(after, "#<PID>")] + "Can't find the target PID matching the prefix '@!6181'\n"
		}
		return procAfter + after
	})})
	view, err := b.Look(t.Context(), []netip.AddrPort{s1})
	if err != nil || len(view.Workers) != 1 {
		t.Fatalf("%+v, %v: want the one worker that is left", view, err)
	}
}

// A worker that has ended is listed until its master has seen that, and the master answers in its place (seen on 2.6.12,
// once in 500 reloads).
func TestWorkerThatHasEndedIsLookedForAgain(t *testing.T) {
	_, procBefore := transcript(t, "unheld-idle")
	after, procAfter := transcript(t, "unheld-closed")
	asked := 0
	b := balancer(t, Config{Master: listen(t, func(line string) string {
		asked++
		switch {
		case line == "show proc" && asked == 1:
			return procBefore
		case line == "show proc":
			return procAfter
		case strings.Contains(line, "@!6181") && asked == 2:
			const unknown = "Unknown command, but maybe one of the following ones is a better match:\n  reload\n\n"
			return procBefore + after[:strings.Index(after, "#<PID>")] + unknown + unknown + procBefore
		}
		return procAfter + after
	})})
	view, err := b.Look(t.Context(), []netip.AddrPort{s1})
	if err != nil || len(view.Workers) != 1 {
		t.Fatalf("%+v, %v: want the one worker that is left", view, err)
	}
}

// A master that does not list its workers because one of those asked for is gone is asked for the list alone the next time.
func TestListOfWorkersThatIsStaleIsDropped(t *testing.T) {
	all, proc := transcript(t, "running")
	gone := false
	b := balancer(t, Config{Master: listen(t, func(line string) string {
		switch {
		case line == "show proc":
			gone = false
			return proc
		case gone:
			return "Can't find the target PID matching the prefix '@!5973'\n"
		}
		return proc + all
	})})
	for i, fails := range []bool{false, true, false} {
		gone = gone || fails
		if _, err := b.Look(t.Context(), []netip.AddrPort{s1}); (err != nil) != fails {
			t.Errorf("look %d: %v", i, err)
		}
	}
}

func TestReloadInTheMiddleIsNotObserved(t *testing.T) {
	all, _ := transcript(t, "running")
	_, other := transcript(t, "unheld-closed")
	_, proc := transcript(t, "running")
	mixed := all[:strings.Index(all, "#<PID>")] + other
	b := balancer(t, Config{Master: listen(t, func(line string) string {
		if line == "show proc" {
			return proc
		}
		return proc + mixed
	})})
	if _, err := b.Look(t.Context(), []netip.AddrPort{s1}); err == nil || !strings.Contains(err.Error(), "lb-1") {
		t.Fatalf("%v: want an error that names lb-1", err)
	}
}

func TestLookHonoursItsDeadline(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	b := balancer(t, Config{Master: listen(t, func(string) string { <-hang; return "" })})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := b.Look(ctx, []netip.AddrPort{s1}); err == nil || ctx.Err() == nil {
		t.Fatalf("%v: want the deadline", err)
	}
}

func TestHiddenSessionsCount(t *testing.T) {
	all, _ := transcript(t, "stats-admin")
	// app/s1 after DNS took it away: the address is cleared, two requests still run
	all = strings.Replace(all, "app,s1,0,0,0,", "app,s1,0,0,2,", 1)
	all = strings.Replace(all, ",UP,1,1,0,", ",MAINT (resolution),1,1,0,", 1)
	all = strings.Replace(all, "127.0.0.1:18101", "", 1)
	b := balancer(t, Config{FollowsRuntime: true, Master: oneWorker(t, all)})
	view, err := b.Look(t.Context(), []netip.AddrPort{s1})
	if err != nil {
		t.Fatal(err)
	}
	if ok, detail := view.Away(s1); ok || !strings.Contains(detail, "2 sessions") {
		t.Errorf("away %v: %s", ok, detail)
	}
}

var _ lb.Balancer = (*Balancer)(nil)
