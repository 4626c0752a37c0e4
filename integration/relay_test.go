//go:build integration

package integration

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// relay is a TCP proxy on this machine in front of ports of the stack. It finds a container wherever a restart has put it,
// and can be cut and slowed down.
type relay struct {
	listener net.Listener
	targets  []func() (string, error) // addresses, asked for each connection

	mu    sync.Mutex
	next  int           // which target is tried first
	cut   bool          // nobody gets through, as behind a firewall that refuses
	delay time.Duration // before each piece of an answer
	open  map[net.Conn]bool
}

// newRelay listens until the test has ended. With several targets each connection goes to one that accepts it, in turn, as
// clients of a service with several load balancers do.
func (s *stack) newRelay(targets ...func() (string, error)) *relay {
	s.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	r := &relay{listener: listener, targets: targets, open: map[net.Conn]bool{}}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go r.serve(client)
		}
	}()
	s.Cleanup(func() { listener.Close(); r.sever(true) })
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

// inContainer is a port of a container, wherever it is now.
func (s *stack) inContainer(containerName, port string) func() (string, error) {
	engine, network, ctx := s.engine, s.network, s.Context()
	return func() (string, error) {
		c, err := engine.ContainerInspect(ctx, containerName)
		if err != nil {
			return "", err
		}
		at := c.NetworkSettings.Networks[network]
		if at == nil || at.IPAddress == "" {
			return "", fmt.Errorf("%s does not run", containerName)
		}
		return net.JoinHostPort(at.IPAddress, port), nil
	}
}

// sever cuts every connection there is, and all later ones until it is called with false.
func (r *relay) sever(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	if cut {
		for conn := range r.open {
			conn.Close()
		}
	}
}

// slow delays each piece of an answer.
func (r *relay) slow(by time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay = by
}

func (r *relay) serve(client net.Conn) {
	defer client.Close()
	server, err := r.dial()
	if err != nil {
		return
	}
	defer server.Close()
	if !r.keep(client, server) {
		return
	}
	defer r.forget(client, server)
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(server, client)
		server.(interface{ CloseWrite() error }).CloseWrite() // a client may be done asking and wait for the answer
	}()
	r.answer(client, server)
	client.Close()
	<-done
}

// answer passes on what comes back until that ends.
func (r *relay) answer(client, server net.Conn) {
	piece := make([]byte, 64<<10)
	for {
		n, err := server.Read(piece)
		r.mu.Lock()
		delay := r.delay
		r.mu.Unlock()
		if delay > 0 {
			<-time.After(delay) // what the test asked for
		}
		if _, failed := client.Write(piece[:n]); err != nil || failed != nil {
			return
		}
	}
}

// dial tries the targets in turn. One that has gone with its address does not even refuse.
func (r *relay) dial() (net.Conn, error) {
	r.mu.Lock()
	first, cut := r.next, r.cut
	r.next++
	r.mu.Unlock()
	if cut {
		return nil, errors.New("cut off")
	}
	var failed []error
	for i := range r.targets {
		at, err := r.targets[(first+i)%len(r.targets)]()
		if err == nil {
			var conn net.Conn
			network := "tcp"
			if strings.HasPrefix(at, "/") {
				network = "unix"
			}
			if conn, err = net.DialTimeout(network, at, 300*time.Millisecond); err == nil {
				return conn, nil
			}
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}

func (r *relay) keep(conns ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range conns {
		r.open[conn] = true
	}
	return !r.cut
}

func (r *relay) forget(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range conns {
		delete(r.open, conn)
	}
}

// severs cuts these ports off, or joins them again.
func (s *stack) severs(cut bool, ports ...string) {
	s.Helper()
	for name, r := range s.relays {
		if slices.Contains(ports, name) {
			r.sever(cut)
		}
	}
}

// oneFront sends traffic and probe to one address, behind which clients find a load balancer that accepts them.
func (s *stack) oneFront() {
	s.Helper()
	front := s.newRelay(s.inContainer(s.name+"-lb-1", "8080"), s.inContainer(s.name+"-lb-2", "8080"))
	s.fronts = []string{"http://" + front.address()}
	s.config["probe"].(config)["requests"] = []config{{"url": s.fronts[0] + s.product.path(), "rate": 20, "expect": 200}}
	s.writeConfig()
}
