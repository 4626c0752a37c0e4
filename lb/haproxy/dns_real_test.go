package haproxy_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/haproxy"
)

// names is a DNS server that has one name, as Consul has one for a service: the addresses of what passes.
type names struct {
	conn net.PacketConn
	now  atomic.Pointer[[]string]
}

func serveNames(t *testing.T, addresses ...string) *names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	n := &names{conn: conn}
	n.are(addresses...)
	go n.answer()
	return n
}

func (n *names) are(addresses ...string) { n.now.Store(&addresses) }

// answer answers questions for addresses of IPv4 (RFC 1035, section 4.1): header, question, and one record for each.
func (n *names) answer() {
	query := make([]byte, 4096)
	for {
		size, from, err := n.conn.ReadFrom(query)
		if err != nil {
			return
		}
		end := 12
		for end < size && query[end] != 0 {
			end += int(query[end]) + 1
		}
		if end += 5; end > size {
			continue
		}
		var records []byte
		count := 0
		if binary.BigEndian.Uint16(query[end-4:]) == 1 {
			for _, address := range *n.now.Load() {
				records = append(records, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4)
				records = append(records, netip.MustParseAddr(address).AsSlice()...)
				count++
			}
		}
		reply := binary.BigEndian.AppendUint16(query[:2:2], 0x8580)
		for _, section := range []int{1, count, 0, 0} {
			reply = binary.BigEndian.AppendUint16(reply, uint16(section))
		}
		_, _ = n.conn.WriteTo(append(append(reply, query[12:end]...), records...), from)
	}
}

// fleet is servers on one port of several loopback addresses. Requests for /slow wait for release.
type fleet struct {
	port    string
	release chan struct{}
	busy    chan string // the address that has begun a slow request
	mu      sync.Mutex
	open    map[string]int
}

func serveFleet(t *testing.T, addresses ...string) *fleet {
	t.Helper()
	f := &fleet{port: freePort(t), release: make(chan struct{}), busy: make(chan string, 100), open: map[string]int{}}
	for _, address := range addresses {
		listener, err := net.Listen("tcp", address+":"+f.port)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				f.busy <- address
				<-f.release
			}
			fmt.Fprint(w, address)
		}))
		_ = server.Listener.Close()
		server.Listener = listener
		server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.open[address] += map[http.ConnState]int{http.StateNew: 1, http.StateClosed: -1}[state]
		}
		server.Start()
		t.Cleanup(server.Close)
	}
	return f
}

func (f *fleet) at(address string) netip.AddrPort {
	return netip.MustParseAddrPort(address + ":" + f.port)
}

func (f *fleet) connections(address string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open[address]
}

// followsDNS is an HAProxy with slots that are filled from DNS; nobody reloads it.
func followsDNS(t *testing.T, n *names, f *fleet) *proxy {
	t.Helper()
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Skip("no haproxy on this machine")
	}
	folder, err := os.MkdirTemp("", "lb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	p := &proxy{folder: folder, front: "127.0.0.1:" + freePort(t)}
	text := "resolvers r\n  nameserver n " + n.conn.LocalAddr().String() + "\n  timeout resolve 100ms\n  timeout retry 100ms\n" +
		"  hold valid 100ms\n  hold obsolete 200ms\ndefaults\n  mode http\n  timeout connect 2s\n  timeout client 30s\n  timeout server 30s\n" +
		"frontend front\n  bind " + p.front + "\n  default_backend app\nbackend app\n" +
		"  server-template gw 2 fleet.test:" + f.port + " resolvers r resolve-prefer ipv4 init-addr none pool-purge-delay 1s\n"
	if err := os.WriteFile(filepath.Join(folder, "haproxy.cfg"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("haproxy", "-W", "-S", "unix@"+folder+"/master.sock", "-f", folder+"/haproxy.cfg")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	p.balancer, err = haproxy.New(haproxy.Config{Name: "lb-dns", Master: "unix://" + folder + "/master.sock", Backend: "app", FollowsRuntime: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRealSlotsFilledFromDNS(t *testing.T) {
	const leaves, stays, joins = "127.0.0.1", "127.0.0.2", "127.0.0.3"
	f := serveFleet(t, leaves, stays, joins)
	n := serveNames(t, leaves, stays)
	p := followsDNS(t, n, f)
	view := func(address string) lb.View {
		v, err := p.balancer.Look(t.Context(), []netip.AddrPort{f.at(address)})
		if err != nil {
			return lb.View{}
		}
		return v
	}
	runs := func(address string) func() bool {
		return func() bool { v := view(address); ok, _ := v.Runs(f.at(address)); return len(v.Workers) > 0 && ok }
	}
	p.until(t, "both to run", func() bool { return runs(leaves)() && runs(stays)() })
	if err := p.balancer.Check(t.Context()); err != nil {
		t.Error(err)
	}
	answers := make(chan string, 2)
	for range 2 { // round robin: one for each
		go func() {
			response, err := http.Get("http://" + p.front + "/slow")
			if err != nil {
				answers <- err.Error()
				return
			}
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			answers <- response.Status + " " + string(body)
		}()
	}
	if first, second := <-f.busy, <-f.busy; first == second {
		t.Fatalf("both requests went to %s", first)
	}

	n.are(stays)
	p.until(t, "the slot to lose its address", func() bool { return view(leaves).Workers != nil && len(view(leaves).Workers[0].Servers) == 0 })
	if ok, detail := view(leaves).Away(f.at(leaves)); ok {
		t.Errorf("away with a request in flight: %s", detail)
	}

	n.are(stays, joins)
	p.until(t, "the slot to be given away", runs(joins))
	if v := view(leaves); !v.Uncounted {
		ok, detail := v.Away(f.at(leaves))
		t.Errorf("away %v (%s), and nothing says that what is in flight is counted for another address", ok, detail)
	}

	close(f.release)
	want := map[string]bool{"200 OK " + leaves: true, "200 OK " + stays: true}
	for range 2 {
		if got := <-answers; !want[got] {
			t.Errorf("a request in flight was answered by %q", got)
		}
	}
	p.until(t, "HAProxy to close its connections to the one that left", func() bool { return f.connections(leaves) == 0 })
	if ok, detail := view(leaves).Away(f.at(leaves)); !ok {
		t.Errorf("not away: %s", detail)
	}
}
