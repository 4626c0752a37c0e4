//go:build integration

package integration

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// webSocket is a connection that has switched protocols.
type webSocket struct {
	net.Conn
	from *bufio.Reader
}

// openSocket opens one through a load balancer. It is closed with the test.
func (s *stack) openSocket(front string) *webSocket {
	s.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(front, "http://"))
	s.must(err)
	s.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, "GET /gateway/chat HTTP/1.1\r\nHost: front\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	s.must(err)
	from := bufio.NewReader(conn)
	answer, err := http.ReadResponse(from, nil)
	s.must(err)
	if answer.StatusCode != http.StatusSwitchingProtocols {
		s.Fatalf("open a WebSocket: %s", answer.Status)
	}
	return &webSocket{conn, from}
}

// echo sends a line and reads it back.
func (w *webSocket) echo(line string) error {
	if err := w.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w, line); err != nil {
		return err
	}
	got, err := w.from.ReadString('\n')
	if err == nil && got != line+"\n" {
		err = fmt.Errorf("sent %q, got %q", line, got)
	}
	return err
}
