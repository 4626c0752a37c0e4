package haproxy

import (
	"net"
	"strings"
	"testing"
)

// Something in between that closes connections fails each look in the same way; a progress line for each would say nothing new.
func TestAFailureReadsTheSameEachTime(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.(*net.TCPConn).SetLinger(0) // a reset
			_ = conn.Close()
		}
	}()
	b := balancer(t, Config{Master: "tcp://" + listener.Addr().String()})
	said := map[string]bool{}
	for range 20 {
		_, err := b.Look(t.Context(), nil)
		if err == nil {
			t.Fatal("it answers")
		}
		_, how, _ := strings.Cut(err.Error(), listener.Addr().String())
		said[how] = true
		if strings.Contains(how, "127.0.0.1") {
			t.Errorf("it names a port of its own: %v", err)
		}
	}
	for how := range said {
		if !strings.Contains(how, "reset by peer") && !strings.Contains(how, "broken pipe") && !strings.Contains(how, "closed the connection") {
			t.Errorf("%q", how)
		}
	}
}
