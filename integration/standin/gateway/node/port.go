package node

import (
	"context"
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

	primary bool
	handler http.Handler
	server  *http.Server // nil while it does not listen
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
	p.Key = "HTTPListener@" + strconv.Itoa(number)
	return p
}

// open starts to listen. A port number of 0 is replaced by the one that was free.
func (p *Port) open(host string) error {
	if p.server != nil {
		return nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(p.Port)))
	if err != nil {
		return fmt.Errorf("open %s: %w", p.Key, err)
	}
	if p.Port == 0 {
		p.Port = listener.Addr().(*net.TCPAddr).Port
		p.Key = "HTTPListener@" + strconv.Itoa(p.Port)
	}
	key := p.Key
	p.server = &http.Server{
		Handler: p.handler, ReadHeaderTimeout: 10 * time.Second,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, portKey{}, key)
		},
	}
	p.Enabled, p.Listening, p.Status = "true", "true", "Active"
	server := p.server
	go func() { _ = server.Serve(listener) }() // always ends with ErrServerClosed
	return nil
}

// close stops listening: new connections are refused, idle ones closed. The
// function it returns waits until requests in progress have been answered.
func (p *Port) close(enabled bool) (wait func(context.Context) error) {
	server := p.server
	p.server = nil
	p.Listening, p.Status = "false", "Disabled"
	p.Enabled = yes(enabled)
	if server == nil {
		return func(context.Context) error { return nil }
	}
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
