package haproxy_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/haproxy"
)

// rendered is a real HAProxy whose backend is in a file of its own.
func rendered(t *testing.T) (*proxy, haproxy.Reload) {
	t.Helper()
	p := start(t, "option idle-close-on-response", "backend.cfg")
	return p, haproxy.Reload{
		Candidate: filepath.Join(p.folder, "candidate.cfg"), Running: filepath.Join(p.folder, "backend.cfg"),
		Fixed: []string{filepath.Join(p.folder, "haproxy.cfg")}, Master: "unix://" + p.folder + "/master.sock",
		Program: "haproxy", Timeout: 15 * time.Second,
	}
}

func (p *proxy) render(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.folder, "candidate.cfg"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p *proxy) backend(servers ...int) string {
	text := "backend app\n"
	for _, i := range servers {
		text += fmt.Sprintf("  server s%d %s\n", i, p.servers[i])
	}
	return text
}

func TestRealReload(t *testing.T) {
	p, r := rendered(t)
	var took []time.Duration
	for i := range 20 {
		want := []int{0, 1}[:1+i%2]
		p.render(t, p.backend(want...))
		began := time.Now()
		done, err := r.Run(t.Context())
		took = append(took, time.Since(began))
		if err != nil || done.Servers != len(want) || done.Worker == 0 {
			t.Fatalf("%+v, %v", done, err)
		}
		var view lb.View
		p.until(t, "an answer, while the old worker ends", func() bool {
			view, err = p.balancer.Look(t.Context(), p.servers[:])
			return err == nil
		})
		if view.Workers[0].ID != fmt.Sprint(done.Worker) || len(view.Workers[0].Servers) != len(want) {
			t.Fatalf("%+v, but it runs %+v", done, view)
		}
	}
	t.Logf("20 reloads took %s", took)
}

// What HAProxy refuses, and what it can't start with, leaves both the file and the worker as they were.
func TestRealReloadThatFails(t *testing.T) {
	p, r := rendered(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	before, err := os.ReadFile(r.Running)
	if err != nil {
		t.Fatal(err)
	}
	worker := p.look(t).Workers[0].ID
	for name, test := range map[string]struct{ text, want string }{
		"a word it does not know": {p.backend(0) + "  serverx s1\n", "unknown keyword 'serverx'"},
		"an address in use":       {p.backend(0) + "frontend other\n  bind " + taken.Addr().String() + "\n  default_backend app\n", "put the old file back: HAProxy goes on with the old one"},
		"no server":               {"backend app\n", "app (2)"},
	} {
		t.Run(name, func(t *testing.T) {
			p.render(t, test.text)
			if _, err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if after, err := os.ReadFile(r.Running); err != nil || string(after) != string(before) {
				t.Errorf("the running file is %q, %v", after, err)
			}
			if now := p.look(t).Workers[0].ID; now != worker {
				t.Errorf("worker %s, want %s", now, worker)
			}
		})
	}
	p.render(t, p.backend(1))
	if done, err := r.Run(t.Context()); err != nil || done.Servers != 1 {
		t.Errorf("after the failures: %+v, %v", done, err)
	}
}
