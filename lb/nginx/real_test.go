package nginx_test

import (
	"bufio"
	"fmt"
	"io"
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
	"github.com/cutover/cutover/lb/lbtest"
	"github.com/cutover/cutover/lb/nginx"
)

// proxy is a real nginx in front of two servers that name themselves. Its configuration says what the template and
// the script in compose/nginx make theirs say; those are tested in integration/.
type proxy struct {
	folder, front, admin string
	servers              [2]netip.AddrPort
	balancer             *nginx.Balancer
}

func TestRealBalancer(t *testing.T) {
	p := start(t)
	nowhere, err := nginx.New(nginx.Config{Name: "lb-9", Members: "http://127.0.0.1:1/cutover/members"})
	if err != nil {
		t.Fatal(err)
	}
	lbtest.Balancer(t, lbtest.BalancerFixture{
		Balancer: p.balancer, Up: p.servers[0], Absent: netip.MustParseAddrPort("192.0.2.1:80"), Unreachable: nowhere,
	})
}

// A client that has sent half of its request before the reload is heard out by the old worker, which chooses a server
// only then, and one that the new configuration does not have. No connection to that server shows it.
func TestRealOldWorkerIsWaitedFor(t *testing.T) {
	p := start(t)
	was := p.look(t)
	half := make([]net.Conn, 8)
	for i := range half {
		conn, err := net.Dial("tcp", p.front)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc"); err != nil {
			t.Fatal(err)
		}
		half[i] = conn
	}
	p.configure(t, "old "+was.Workers[0].ID+" "+p.servers[0].String(), p.servers[1])
	p.reload(t, was.Workers[0].ID)
	if ok, detail := p.look(t).Away(p.servers[0]); ok || !strings.Contains(detail, "old worker "+was.Workers[0].ID) {
		t.Errorf("away %v: %s", ok, detail)
	}
	late := 0
	for _, conn := range half {
		if _, err := io.WriteString(conn, "def"); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("a request was lost: %v", err)
		}
		if answer.Header.Get("X-Server") == p.servers[0].String() {
			late++
		}
		conn.Close()
	}
	if late == 0 {
		t.Error("no late request: nginx has changed, and Look may ask for too much")
	}
	p.until(t, "the old worker to end", func() bool {
		view, err := p.balancer.Look(t.Context(), p.servers[:])
		if err != nil {
			return false
		}
		ok, _ := view.Away(p.servers[0])
		return ok
	})
}

func start(t *testing.T) *proxy {
	t.Helper()
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("no nginx on this machine; the integration suite runs the same in a container")
	}
	p := &proxy{folder: t.TempDir(), front: freePort(t), admin: freePort(t)}
	for i := range p.servers {
		server := httptest.NewUnstartedServer(nil)
		name := server.Listener.Addr().String()
		server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Server", name) })
		server.Start()
		t.Cleanup(server.Close)
		p.servers[i] = netip.MustParseAddrPort(name)
	}
	p.configure(t, "", p.servers[:]...)
	p.settled(t, true)
	p.nginx(t)
	t.Cleanup(func() { p.nginx(t, "-s", "stop") })
	var err error
	if p.balancer, err = nginx.New(nginx.Config{Name: "lb-2", Members: "http://" + p.admin + "/cutover/members"}); err != nil {
		t.Fatal(err)
	}
	p.until(t, "nginx to start", func() bool { return p.balancer.Check(t.Context()) == nil })
	return p
}

// configure writes a configuration with these servers, for the user who runs the tests, as the folder is theirs; old is what it says of one worker of before, while that lives.
func (p *proxy) configure(t *testing.T, old string, servers ...netip.AddrPort) {
	t.Helper()
	var upstream, said strings.Builder
	for _, server := range servers {
		fmt.Fprintf(&upstream, "server %s; ", server)
		fmt.Fprintf(&said, "set $cutover \"${cutover}server gw %s\\n\";\n", server)
	}
	if old != "" {
		fmt.Fprintf(&said, "if (-e /proc/%s) { set $cutover \"${cutover}%s\\n\"; }\n", strings.Fields(old)[1], old)
	}
	text := fmt.Sprintf(`user root; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http {
	access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
	upstream gw { %[2]s }
	server { listen %[3]s; location / { proxy_pass http://gw; } }
	server { listen %[4]s; keepalive_timeout 0; location = /cutover/members {
		set $cutover "cutover-members 1\nworker $pid\n";
		if (-e %[1]s/settled) { set $cutover "${cutover}settled\n"; }
		%[5]s
		return 200 "${cutover}end\n";
	} }
}`, p.folder, upstream.String(), p.front, p.admin, said.String())
	if err := os.WriteFile(filepath.Join(p.folder, "nginx.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload returns when the worker of before accepts nothing more.
func (p *proxy) reload(t *testing.T, oldPID string) {
	t.Helper()
	p.settled(t, false)
	p.nginx(t, "-s", "reload")
	p.until(t, "the old worker to leave", func() bool {
		title, _ := os.ReadFile("/proc/" + oldPID + "/cmdline")
		if _, err := p.balancer.Look(t.Context(), p.servers[:]); err == nil {
			t.Error("a look while both generations may accept")
		}
		return strings.Contains(string(title), "shutting down")
	})
	p.settled(t, true)
}

func (p *proxy) settled(t *testing.T, is bool) {
	t.Helper()
	name := filepath.Join(p.folder, "settled")
	err := os.WriteFile(name, nil, 0o600)
	if !is {
		err = os.Remove(name)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (p *proxy) nginx(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("nginx", append([]string{"-e", p.folder + "/error.log", "-c", p.folder + "/nginx.conf"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("nginx %v: %v: %s", args, err, out)
	}
}

func (p *proxy) look(t *testing.T) lb.View {
	t.Helper()
	view, err := p.balancer.Look(t.Context(), p.servers[:])
	if err != nil {
		t.Fatal(err)
	}
	return view
}

func (p *proxy) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
