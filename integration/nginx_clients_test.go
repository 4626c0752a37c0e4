//go:build integration

package integration

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/cutover/cutover/lb/lbtest"
	"github.com/cutover/cutover/lb/nginx"
)

// What nginx's adapter promises, on the real one.
func TestNginxContracts(t *testing.T) {
	s := newStack(t, options{nodes: 2, nginx: true})
	s.await(10*time.Second, "nginx's reload to be over", func() bool { return s.nginxBalancer(t).Check(t.Context()) == nil })
	t.Run("balancer", func(t *testing.T) {
		unreachable, err := nginx.New(nginx.Config{Name: "lb-9", Members: "http://127.0.0.1:1/cutover/members"})
		if err != nil {
			t.Fatal(err)
		}
		lbtest.Balancer(t, lbtest.BalancerFixture{
			Balancer: s.nginxBalancer(t), Up: s.endpoint(s.fleet[0]),
			Absent: netip.MustParseAddrPort("192.0.2.1:5555"), Unreachable: unreachable,
		})
	})
	t.Run("clients that an old worker has not heard out", s.halfARequest)
	t.Run("a list that is empty, and a file that nginx refuses, change nothing", s.badFiles)
}

// halfARequest takes a node away while clients have sent a part of a request, which no connection to the node shows:
// an old worker may send the whole of it there.
func (s *stack) halfARequest(t *testing.T) {
	const clients = 8
	b, at := s.nginxBalancer(t), s.endpoint(s.fleet[1])
	gone := s.hostname(s.fleet[1])
	type client struct {
		net.Conn
		rest string
	}
	var half []client
	dial := func(first, rest string) {
		conn, err := net.Dial("tcp", s.ports["lb-2:8080"])
		s.must(err)
		t.Cleanup(func() { conn.Close() })
		s.must(conn.SetDeadline(time.Now().Add(30 * time.Second)))
		_, err = io.WriteString(conn, first)
		s.must(err)
		half = append(half, client{conn, rest})
	}
	for range clients {
		dial("GET /gateway/orders/7 HTTP/1.1\r\nHos", "t: a\r\n\r\n")
		dial("POST /gateway/billing HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", "defghij")
	}
	away := func() (bool, string) {
		view, err := b.Look(t.Context(), []netip.AddrPort{at})
		if err != nil {
			return false, err.Error()
		}
		return view.Away(at)
	}
	s.must(s.consul.Agent().EnableServiceMaintenance("gw-2", "test"))
	s.await(20*time.Second, "the running workers to follow Consul", func() bool {
		view, err := b.Look(t.Context(), []netip.AddrPort{at})
		return err == nil && len(view.Workers[0].Servers) == 0
	})
	if is, _ := away(); is {
		t.Error("away with half requests in old workers")
	}
	late := 0
	for _, c := range half {
		_, err := io.WriteString(c, c.rest)
		s.must(err)
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("a request that an old worker had begun to read was lost: %v", err)
		}
		if answer.Header.Get("X-Node") == gone {
			late++
		}
	}
	t.Logf("%d of %d late requests reached the node that had left", late, len(half))
	if late == 0 {
		t.Error("none did: nothing was tested")
	}
	s.await(20*time.Second, "the node to be away", func() bool { is, _ := away(); return is })
	for range clients {
		answer, err := http.Get(s.fronts[1] + "/gateway/orders/7")
		s.must(err)
		answer.Body.Close()
		if answer.Header.Get("X-Node") == gone {
			t.Error("a node that was away was sent a request")
		}
	}
	s.must(s.consul.Agent().DisableServiceMaintenance("gw-2"))
	s.awaitServing(s.fleet...)
}

// badFiles gives reload.sh what must not become the configuration.
func (s *stack) badFiles(t *testing.T) {
	b, at := s.nginxBalancer(t), []netip.AddrPort{s.endpoint(s.fleet[0]), s.endpoint(s.fleet[1])}
	s.await(10*time.Second, "nginx's reload to be over", func() bool { return b.Check(t.Context()) == nil })
	was, err := b.Look(t.Context(), at)
	s.must(err)
	for _, bad := range []string{`sed /server/d`, `sed s/upstream/downstream/`, `sed s/5555/555555/`} {
		s.inLB2("cd /run/nginx && cp candidate.conf good && " + bad + " good >candidate.conf && reload.sh && mv good candidate.conf")
		is, err := b.Look(t.Context(), at)
		if err != nil || !slices.Equal(is.Workers[0].Servers, was.Workers[0].Servers) || len(is.Workers) > 1 {
			t.Errorf("%s: %+v, %v, was %+v", bad, is, err, was)
		}
	}
}
