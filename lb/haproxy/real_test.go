package haproxy_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/haproxy"
	"github.com/cutover/cutover/lb/lbtest"
)

// proxy is a real HAProxy in master-worker mode in front of two servers that name themselves.
type proxy struct {
	folder, front string
	servers       [2]netip.AddrPort
	balancer      *haproxy.Balancer
}

func TestRealBalancer(t *testing.T) {
	p := start(t, "option idle-close-on-response")
	nowhere, err := haproxy.New(haproxy.Config{Name: "lb-nowhere", Master: "unix://" + p.folder + "/nobody.sock"})
	if err != nil {
		t.Fatal(err)
	}
	lbtest.Balancer(t, lbtest.BalancerFixture{
		Balancer: p.balancer, Up: p.servers[0],
		Absent: netip.MustParseAddrPort("192.0.2.1:80"), Unreachable: nowhere, CanHold: true,
	})
}

// The stats page of a real HAProxy tells addresses only when it is told to.
func TestRealStatsPage(t *testing.T) {
	for legends, want := range map[string]string{"stats show-legends": "", "": "add `stats show-legends`"} {
		port := freePort(t)
		p := start(t, "option idle-close-on-response\nfrontend page\n  bind 127.0.0.1:"+port+"\n  stats enable\n  stats uri /stats\n  "+
			"stats auth ops:s3cret\n  "+legends+"\nfrontend front2\n  bind 127.0.0.1:"+freePort(t))
		page := func(address string) *haproxy.Balancer {
			b, err := haproxy.New(haproxy.Config{Name: "lb-page", Stats: address, User: "ops", Password: "s3cret", Backend: "app"})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		b := page("http://127.0.0.1:" + port + "/stats;csv")
		if want != "" {
			if err := b.Check(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			continue
		}
		lbtest.Balancer(t, lbtest.BalancerFixture{
			Balancer: b, Up: p.servers[0], Absent: netip.MustParseAddrPort("192.0.2.1:80"), Unreachable: page("http://127.0.0.1:1/stats"), Secret: "s3cret",
		})
	}
}

func TestRealRemovalWithIdleClients(t *testing.T) {
	p := start(t, "option idle-close-on-response")
	lbtest.Removal(t, lbtest.RemovalFixture{
		Balancer: p.balancer, Front: p.front, Path: "/", Slow: "/slow", Server: p.servers[0],
		Served: func(r *http.Response) bool { return r.Header.Get("X-Server") == "0" },
		Remove: func(t *testing.T) {
			p.configure(t, "option idle-close-on-response", 1)
			p.reload(t)
		},
	})
}

// Without a hold before the reload, an old worker with no session at all still sends requests of idle clients to
// the server that is gone from the configuration. That must not count as away until those clients have left.
func TestRealRemovalWithoutHoldIsNotAwayWhileClientsRemain(t *testing.T) {
	p := start(t, "option idle-close-on-response")
	var idle []net.Conn
	buffer := make([]byte, 4096)
	exchange := func(conn net.Conn) string {
		if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ToLower(string(buffer[:n])) // HAProxy writes names in lower case
	}
	for range 6 {
		conn, err := net.Dial("tcp", p.front)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		exchange(conn)
		idle = append(idle, conn)
	}
	p.configure(t, "option idle-close-on-response", 1)
	p.reload(t)
	if ok, detail := p.look(t).Away(p.servers[0]); ok || !strings.Contains(detail, "6 clients") {
		t.Fatalf("away %v: %s, want 6 clients of the old worker to be waited for", ok, detail)
	}
	late := 0
	for _, conn := range idle {
		if strings.Contains(exchange(conn), "x-server: 0") {
			late++
		}
	}
	t.Logf("%d of %d later requests of idle clients reached the removed server", late, len(idle))
	if late == 0 {
		t.Error("no late request: HAProxy has changed, and Away may ask for too much")
	}
	p.until(t, "the old worker to be left by its clients", func() bool {
		view, err := p.balancer.Look(t.Context(), p.servers[:])
		if err != nil {
			return false
		}
		ok, _ := view.Away(p.servers[0])
		return ok
	})
}

// start starts HAProxy with everything in one file, or with its backend in a further one.
func start(t testing.TB, option string, backend ...string) *proxy {
	t.Helper()
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Skip("no haproxy on this machine; the integration suite runs the same in a container")
	}
	folder, err := os.MkdirTemp("", "lb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	p := &proxy{folder: folder, front: "127.0.0.1:" + freePort(t)}
	for i := range p.servers {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				<-time.After(time.Second)
			}
			w.Header().Set("X-Server", fmt.Sprint(i))
		}))
		t.Cleanup(server.Close)
		p.servers[i] = netip.MustParseAddrPort(server.Listener.Addr().String())
	}
	args := []string{"-W", "-S", "unix@" + p.folder + "/master.sock", "-f", p.folder + "/haproxy.cfg"}
	p.configure(t, option, 0, 1)
	for _, name := range backend {
		p.split(t, name)
		args = append(args, "-f", filepath.Join(p.folder, name))
	}
	command := exec.Command("haproxy", args...)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	p.balancer, err = haproxy.New(haproxy.Config{Name: "lb-1", Master: "unix://" + folder + "/master.sock", Backend: "app"})
	if err != nil {
		t.Fatal(err)
	}
	p.until(t, "HAProxy to start", func() bool { return p.balancer.Check(t.Context()) == nil })
	return p
}

func (p *proxy) configure(t testing.TB, option string, servers ...int) {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "global\n  hard-stop-after 1m\ndefaults\n  mode http\n  timeout connect 2s\n  timeout client 30s\n"+
		"  timeout server 30s\nfrontend front\n  bind %s\n  %s\n  default_backend app\nbackend app\n", p.front, option)
	for _, i := range servers {
		fmt.Fprintf(&text, "  server s%d %s\n", i, p.servers[i])
	}
	if err := os.WriteFile(filepath.Join(p.folder, "haproxy.cfg"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// split moves the backend to a file of its own.
func (p *proxy) split(t testing.TB, name string) {
	t.Helper()
	whole := filepath.Join(p.folder, "haproxy.cfg")
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	fixed, backend, _ := strings.Cut(string(text), "backend app\nbackend")
	for path, text := range map[string]string{whole: fixed + "backend app\n", filepath.Join(p.folder, name): "backend" + backend} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// reload returns when a new worker runs.
func (p *proxy) reload(t *testing.T) {
	t.Helper()
	before := p.look(t).Workers[0].ID
	conn, err := net.Dial("unix", p.folder+"/master.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("reload\n")); err != nil {
		t.Fatal(err)
	}
	p.until(t, "a new worker", func() bool {
		view, err := p.balancer.Look(t.Context(), p.servers[:])
		return err == nil && view.Workers[0].ID != before
	})
}

func (p *proxy) look(t *testing.T) lb.View {
	t.Helper()
	view, err := p.balancer.Look(t.Context(), p.servers[:])
	if err != nil {
		t.Fatal(err)
	}
	return view
}

func (p *proxy) until(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}
