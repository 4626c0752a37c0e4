package lbtest

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/cutover/cutover/lb"
)

// RemovalFixture is a balancer in front of at least two servers.
type RemovalFixture struct {
	Balancer lb.Balancer
	Front    string                    // host:port where clients connect, plain HTTP
	Path     string                    // answers at once
	Slow     string                    // answers after about a second
	Server   netip.AddrPort            // the one that is removed
	Served   func(*http.Response) bool // whether that server answered
	Remove   func(t *testing.T)        // makes the balancer follow; returns when its running worker has
}

// Removal takes a server away while keep-alive clients are idle and requests are in flight, the way Members does it,
// and checks that "away" meant what it says: requests in flight were answered, and no later request of a client that
// was idle all the time reaches the server. It leaves the server removed.
func Removal(t *testing.T, f RemovalFixture) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	idle := make([]*client, 6)
	for i := range idle {
		idle[i] = dial(ctx, t, f.Front)
		idle[i].send(t, f.Path)
		idle[i].receive(t)
	}
	busy := make([]*client, 4)
	for i := range busy {
		busy[i] = dial(ctx, t, f.Front)
		busy[i].send(t, f.Slow)
	}
	at := []netip.AddrPort{f.Server}
	until(ctx, t, "a request in flight to be seen", func() bool {
		for _, w := range look(ctx, t, f.Balancer, f.Server).Workers {
			for _, s := range w.Servers {
				if s.Sessions > 0 {
					return true
				}
			}
		}
		return false
	})
	if note, err := f.Balancer.Hold(ctx, at, true); err != nil || note != "" {
		t.Fatalf("hold: note %q, %v", note, err)
	}
	f.Remove(t)
	view := look(ctx, t, f.Balancer, f.Server)
	if ok, _ := view.Away(f.Server); ok {
		t.Errorf("away with requests in flight: %+v", view)
	}
	fromServer := 0
	for _, c := range busy {
		if f.Served(c.receive(t)) {
			fromServer++
		}
	}
	if fromServer == 0 {
		t.Error("no request in flight was answered by the removed server: nothing was tested")
	}
	until(ctx, t, "the server to be away", func() bool {
		view, err := f.Balancer.Look(ctx, at)
		if err != nil {
			return false // reloading
		}
		ok, _ := view.Away(f.Server)
		return ok
	})
	for _, c := range idle {
		c.send(t, f.Path)
		if f.Served(c.receive(t)) {
			t.Error("a removed server was sent a request of an idle client after it was away")
		}
	}
}

// until polls a condition every 20 ms, as the runner does.
func until(ctx context.Context, t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

// client is one keep-alive connection that never retries.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
}

func dial(ctx context.Context, t *testing.T, hostPort string) *client {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", hostPort)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	return &client{conn, bufio.NewReader(conn)}
}

func (c *client) send(t *testing.T, path string) {
	t.Helper()
	if _, err := io.WriteString(c.conn, "GET "+path+" HTTP/1.1\r\nHost: lbtest\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
}

func (c *client) receive(t *testing.T) *http.Response {
	t.Helper()
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		t.Fatalf("a request was lost: %v", err)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("a request was lost: status %d, %v", response.StatusCode, err)
	}
	return response
}
