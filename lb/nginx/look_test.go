package nginx

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/lb/lbtest"
)

func TestBalancer(t *testing.T) {
	lbtest.Balancer(t, lbtest.BalancerFixture{
		Balancer: says(t, before), Up: s1, Absent: netip.MustParseAddrPort("192.0.2.1:5555"),
		Unreachable: balancer(t, "http://127.0.0.1:1/cutover/members"),
	})
}

func TestLookAcrossAReload(t *testing.T) {
	for _, c := range []struct {
		name         string
		answers      []string
		runs1, away1 bool
		detail       string // of away
		err          string
	}{
		{name: "before", answers: []string{before}, runs1: true, detail: "still UP"},
		{name: "both accept", answers: []string{during}, err: "its last reload is not over"},
		{name: "the new one says it first", answers: []string{after, before}, err: "workers 202 and 101 do not run the same servers"},
		{name: "the old one says it first", answers: []string{before, before, after}, err: "workers 101 and 202 do not run the same servers"},
		{name: "it begins", answers: []string{before, before, during}, err: "not over"},
		{name: "an old one is still there", answers: []string{leaving}, detail: "old worker 101: 1 clients can still reach it"},
		{name: "it goes", answers: []string{leaving, leaving, after}, away1: true, detail: "0"},
		{name: "after", answers: []string{after}, away1: true, detail: "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			view, err := says(t, c.answers...).Look(t.Context(), []netip.AddrPort{s1, s2})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "lb-2") {
					t.Fatalf("%v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if ok, detail := view.Runs(s1); ok != c.runs1 {
				t.Errorf("runs: %v, %s", ok, detail)
			}
			if ok, detail := view.Runs(s2); !ok {
				t.Errorf("the other one: %s", detail)
			}
			if ok, detail := view.Away(s1); ok != c.away1 || !strings.Contains(detail, c.detail) {
				t.Errorf("away: %v, %s", ok, detail)
			}
			if !view.Uncounted {
				t.Error("it claims to know what is in flight")
			}
		})
	}
}

// An old worker is nobody's business whose servers it does not have: a new member, say.
func TestOldWorkersReachTheirOwnServersOnly(t *testing.T) {
	e := netip.MustParseAddrPort("10.0.0.9:5555")
	view, err := says(t, leaving).Look(t.Context(), []netip.AddrPort{e})
	if err != nil {
		t.Fatal(err)
	}
	if ok, detail := view.Away(e); !ok {
		t.Error(detail)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"no location": {http.NotFound, "status 404: nginx's configuration must have this location"},
		"redirected":  {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "status 302"},
		"too much": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", maxAnswer+1))
		}, "more than 1 MiB"},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, before)
		}, "broke off"},
	} {
		t.Run(name, func(t *testing.T) {
			b := serves(t, test.answer)
			_, err := b.Look(t.Context(), []netip.AddrPort{s1})
			for _, err := range []error{err, b.Check(t.Context())} {
				if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "lb-2") {
					t.Errorf("%v, want %s", err, test.want)
				}
			}
		})
	}
}

func TestEveryQuestionHasAConnectionOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	b := serves(t, func(w http.ResponseWriter, r *http.Request) {
		seen[r.RemoteAddr] = true
		_, _ = io.WriteString(w, before)
	})
	if err := b.Check(t.Context()); err != nil || len(seen) != asks {
		t.Errorf("%v, connections %v", err, seen)
	}
}

func TestLookHonoursItsDeadline(t *testing.T) {
	b := serves(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Millisecond, errors.New("the step's deadline"))
	defer cancel()
	if _, err := b.Look(ctx, []netip.AddrPort{s1}); err == nil || !strings.Contains(err.Error(), "the step's deadline") {
		t.Errorf("%v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, members := range []string{"", "10.0.0.6:8081", "tcp://10.0.0.6:8081", "http:///cutover/members", "http://user:secret@10.0.0.6/m", "http://10.0.0.6/m?token=secret"} {
		if _, err := New(Config{Name: "lb-2", Members: members}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", members, err)
		}
	}
}
