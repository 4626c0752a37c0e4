package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Port is one listener as the ports API shows it. Booleans are strings there.
type Port struct {
	Key         string `json:"key"` // HTTPListener@5555: the listenerKey of other calls
	FactoryKey  string `json:"factoryKey"`
	Pkg         string `json:"pkg"`
	Port        int    `json:"port"`
	PortAlias   string `json:"portAlias"`
	Protocol    string `json:"protocol"`
	Enabled     string `json:"enabled"`
	Listening   string `json:"listening"`
	Suspended   string `json:"suspended"`
	AccessMode  string `json:"accessMode"`
	Status      string `json:"status"`
	MaxThread   string `json:"maxThread"`
	KeepAlive   string `json:"keepAliveTimeout"`
	UsedThreads string `json:"usedThreadCount"`

	primary  bool
	handler  http.Handler // nil: nothing listens, see newListener
	server   *http.Server // nil while it does not listen
	listener net.Listener // of the server, or of what answers in place of it
	tls      *tls.Config  // nil: plain HTTP
}

type portKey struct{}

// portOf returns the key of the port that a request came in through.
func portOf(r *http.Request) string {
	key, _ := r.Context().Value(portKey{}).(string)
	return key
}

func newPort(number int, alias, pkg string, handler http.Handler) *Port {
	p := &Port{
		FactoryKey: "webMethods/HTTP", Pkg: pkg, PortAlias: alias, Protocol: "HTTP", Port: number,
		Enabled: "false", Listening: "false", Suspended: "false", AccessMode: "allow",
		Status: "Disabled", MaxThread: "75", KeepAlive: "20000", UsedThreads: "0", handler: handler,
	}
	p.setNumber(number)
	return p
}

// secure makes it an HTTPS port. Call it before open.
func (p *Port) secure(shown tls.Certificate) {
	p.FactoryKey, p.Protocol, p.tls = "webMethods/HTTPS", "HTTPS", &tls.Config{Certificates: []tls.Certificate{shown}}
	p.setNumber(p.Port)
}

func (p *Port) setNumber(number int) {
	p.Port, p.Key = number, p.Protocol+"Listener@"+strconv.Itoa(number)
}

// open starts to listen. A port number of 0 is replaced by the one that was free.
func (p *Port) open(host string) error {
	if p.server != nil {
		return nil
	}
	if p.handler == nil {
		p.Enabled, p.Listening, p.Status = "true", "true", "Active"
		return nil
	}
	if err := p.listen(host); err != nil {
		return err
	}
	key := p.Key
	p.server = &http.Server{
		Handler: p.handler, ReadHeaderTimeout: 10 * time.Second,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, portKey{}, key)
		},
	}
	p.Enabled, p.Listening, p.Status = "true", "true", "Active"
	server, listener := p.server, p.answering()
	go func() { _ = server.Serve(listener) }() // always ends with an error: it is closed
	return nil
}

// listen takes the port's number, from what has it in place of the server too.
func (p *Port) listen(host string) error {
	p.free()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(p.Port)))
	if err != nil {
		return fmt.Errorf("open %s: %w", p.Key, err)
	}
	if p.Port == 0 {
		p.setNumber(listener.Addr().(*net.TCPAddr).Port)
	}
	p.listener = &onceListener{Listener: listener}
	return nil
}

// answering is the listener as a server needs it.
func (p *Port) answering() net.Listener {
	if p.tls != nil {
		return tls.NewListener(p.listener, p.tls)
	}
	return p.listener
}

// free closes the listener: when it returns, nobody has the port's number.
func (p *Port) free() {
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
}

// close stops listening: new connections are refused, idle ones closed. The
// function it returns waits until requests in progress have been answered.
func (p *Port) close(enabled bool) (wait func(context.Context) error) {
	server := p.server
	p.server = nil
	p.free()
	p.Listening, p.Status = "false", "Disabled"
	p.Enabled = yes(enabled)
	if server == nil {
		return func(context.Context) error { return nil }
	}
	atOnce, cancel := context.WithCancel(context.Background())
	cancel()
	_ = server.Shutdown(atOnce) // no connection takes another request when this returns
	closing := make(chan error, 1)
	go func() { closing <- server.Shutdown(context.Background()) }()
	return func(until context.Context) error {
		select {
		case err := <-closing:
			return err
		case <-until.Done():
			return server.Close()
		}
	}
}
