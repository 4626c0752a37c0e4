package node

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// pretend makes a closed port answer its clients all the same: "reset" resets
// every connection, "503" answers 503. The port counts as closed.
func (p *Port) pretend(host, what string) error {
	if p.handler == nil || p.server != nil || (what != "reset" && what != "503") {
		return nil
	}
	if err := p.listen(host); err != nil {
		return err
	}
	if what == "reset" {
		go resetAll(p.listener)
		return nil
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		http.Error(w, "the server is being quiesced", http.StatusServiceUnavailable)
	})}
	listener := p.answering()
	go func() { _ = server.Serve(listener) }() // always ends with an error: it is closed
	return nil
}

func resetAll(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a close is a reset then
		}
		_ = conn.Close()
	}
}

// onceListener may be closed more than once: by the port and by its server.
type onceListener struct {
	net.Listener
	once sync.Once
	err  error
}

func (l *onceListener) Close() error {
	l.once.Do(func() { l.err = l.Listener.Close() })
	return l.err
}
