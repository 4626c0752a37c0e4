//go:build integration

package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Connections that last have budgets of their own, by the backend that HAProxy sends them to. What is left when a budget is
// over is cut and counted, and nothing else is lost. The fleet is any server in a container here: what a product does with
// requests in progress when it is quiesced is its own.
func TestConnectionsThatLast(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, files: lastingFiles(t), config: func(c config) {
		c["driver"] = config{"kind": "none"}
		c["containers"].(config)["stop_timeout"] = "2s"
		c["strategy"].(config)["drain"].(config)["classes"] = []config{
			{"name": "events", "backend": "*-events", "timeout": "3s", "on_timeout": "cut"},
			{"name": "poll", "backend": "*-poll", "timeout": "4s", "on_timeout": "cut"},
			{"name": "tcp", "backend": "*-tcp", "timeout": "3s", "on_timeout": "cut"},
		}
	}})
	s.needsStandIn()
	s.part("server-sent events", s.eventsInADrain)
	s.part("long polls", s.pollsInADrain)
	s.part("raw TCP", s.tcpInADrain)
	s.part("raw TCP that must not be cut", s.tcpThatMustNotBeCut)
}

// lastingFiles are the demo's files with what sends each kind of connection to a backend of its own. A container starts
// with backends that are empty.
func lastingFiles(t *testing.T) map[string]string {
	t.Helper()
	read := func(name string) string {
		data, err := os.ReadFile("../compose/haproxy/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	kinds := []string{"gateways-ws", "gateways-events", "gateways-poll"}
	fixed := strings.Replace(read("haproxy.cfg"), "	default_backend gateways\n",
		"	use_backend gateways-events if { req.hdr(Accept) -m sub text/event-stream }\n"+
			"	use_backend gateways-poll if { path_beg /gateway/poll }\n	default_backend gateways\n", 1)
	fixed += "\ndefaults tcp\n\tmode tcp\n\ttimeout connect 2s\n\ttimeout client 1h\n\ttimeout server 1h\n\ttimeout check 1s\n\toption redispatch\n\tretries 3\n" +
		"\nfrontend front-tcp from tcp\n\tbind :8081\n\tdefault_backend gateways-tcp\n"
	template, empty := read("haproxy.ctmpl"), "backend gateways from http\n"
	for _, kind := range kinds {
		empty += "backend " + kind + " from http\n"
		if !strings.Contains(template, "backend "+kind+" ") {
			template += "\nbackend " + kind + " from http\n{{- template \"servers\" }}\n"
		}
	}
	template += "\nbackend gateways-tcp from tcp\n{{- template \"servers\" }}\n"
	return map[string]string{
		"/etc/haproxy/haproxy.cfg": fixed, "/etc/consul-template/haproxy.ctmpl": template,
		"/run/haproxy/gateways.cfg": empty + "backend gateways-tcp from tcp\n",
	}
}

// lasting is a connection that goes on: alive tells whether something comes on it still, or why not.
type lasting interface{ alive() error }

// drainsLasting takes both nodes away from connections of a class, which go on until their budget is over, and asserts how
// many were cut.
func (s *stack) drainsLasting(class string, open []lasting) {
	s.Helper()
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	for i, one := range open {
		if err := one.alive(); err != nil {
			s.Errorf("%s %d in the drain: %v", class, i, err)
		}
	}
	got := s.finish(run)
	load.end()
	if made := s.report(); made.Cut != len(open) || !strings.Contains(got.stdout, fmt.Sprintf("%d connections in flight were cut", len(open))) {
		s.Errorf("%d cut, want %d", made.Cut, len(open))
	}
	for i, one := range open {
		if err := one.alive(); err == nil {
			s.Errorf("%s %d goes on, though its container is gone", class, i)
		}
	}
	s.replaced(got)
}

func (s *stack) eventsInADrain() {
	var open []lasting
	for i := range 6 {
		open = append(open, s.openEvents(s.fronts[i%2]))
	}
	s.drainsLasting("events", open)
}

// eventStream is a page of server-sent events. A client that has read its end closes the connection.
type eventStream struct {
	lines atomic.Int64
	ended chan error
}

func (s *stack) openEvents(front string) *eventStream {
	s.Helper()
	conn, from := s.ask(front, "GET /gateway/prices HTTP/1.1\r\nHost: front\r\nAccept: text/event-stream\r\n\r\n")
	answer, err := http.ReadResponse(from, nil)
	s.must(err)
	if answer.StatusCode != http.StatusOK {
		s.Fatalf("open a stream of events: %s", answer.Status)
	}
	e := &eventStream{ended: make(chan error, 1)}
	go func() {
		defer conn.Close()
		lines := bufio.NewScanner(answer.Body)
		for lines.Scan() {
			e.lines.Add(1)
		}
		e.ended <- errors.Join(fmt.Errorf("the stream has ended after %d lines", e.lines.Load()), lines.Err())
	}()
	return e
}

// alive waits for another event: one comes every tenth of a second.
func (e *eventStream) alive() error {
	before := e.lines.Load()
	for deadline := time.After(5 * time.Second); e.lines.Load() == before; {
		select {
		case err := <-e.ended:
			e.ended <- err
			return err
		case <-deadline:
			return errors.New("no event within 5s")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// ask sends a request on a connection of its own, which is closed with the test.
func (s *stack) ask(front, request string) (net.Conn, *bufio.Reader) {
	s.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(front, "http://"))
	s.must(err)
	s.Cleanup(func() { conn.Close() })
	_, err = fmt.Fprint(conn, request)
	s.must(err)
	return conn, bufio.NewReader(conn)
}

// pollsInADrain: polls that are shorter than their budget end by themselves, and whoever polls on notices nothing; those
// that are longer are cut.
func (s *stack) pollsInADrain() {
	short := s.pollOn(20)
	var open []lasting
	for i := range 4 {
		open = append(open, s.openPoll(s.fronts[i%2]))
	}
	s.drainsLasting("poll", open)
	if n := short(); n < 40 {
		s.Errorf("%d short polls", n)
	}
}

// pollOn polls with that many clients, two seconds each time, until the returned function is called, which asserts that none
// was lost.
func (s *stack) pollOn(clients int) (end func() int64) {
	s.Helper()
	ctx, stop := context.WithCancel(s.Context())
	var answered atomic.Int64
	results := make(chan error, clients)
	for i := range clients {
		url := s.fronts[i%2] + "/gateway/poll?sleep=2s"
		client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{}}
		go func() {
			for ctx.Err() == nil {
				answer, err := client.Get(url)
				if err == nil {
					answer.Body.Close()
					if answer.StatusCode != http.StatusOK {
						err = fmt.Errorf("status %s", answer.Status)
					}
				}
				if err != nil {
					results <- err
					return
				}
				answered.Add(1)
			}
			results <- nil
		}()
	}
	return func() int64 {
		s.Helper()
		stop()
		for range clients {
			if err := <-results; err != nil {
				s.Errorf("a poll that is shorter than its budget: %v", err)
			}
		}
		return answered.Load()
	}
}

// longPoll is one request that takes a minute. A client that has its answer closes the connection.
type longPoll struct{ ended chan error }

func (s *stack) openPoll(front string) longPoll {
	s.Helper()
	conn, from := s.ask(front, "GET /gateway/poll?sleep=60s HTTP/1.1\r\nHost: front\r\n\r\n")
	p := longPoll{make(chan error, 1)}
	go func() {
		defer conn.Close()
		answer, err := http.ReadResponse(from, nil)
		if err == nil {
			err = fmt.Errorf("it has ended: %s", answer.Status)
		}
		p.ended <- err
	}()
	return p
}

// alive is that nothing has come yet.
func (p longPoll) alive() error {
	select {
	case err := <-p.ended:
		p.ended <- err
		return err
	case <-time.After(50 * time.Millisecond):
		return nil
	}
}

// tcpInADrain: HAProxy sees bytes only, on a listener in mode tcp.
func (s *stack) tcpInADrain() { s.drainsLasting("tcp", s.openTCP(6)) }

func (s *stack) openTCP(n int) []lasting {
	s.Helper()
	var open []lasting
	for i := range n {
		at, err := s.inContainer(s.name+fmt.Sprintf("-lb-%d", i%2+1), "8081")()
		s.must(err)
		open = append(open, rawTCP{s.openSocket("http://" + at)})
	}
	return open
}

// rawTCP echoes lines.
type rawTCP struct{ *webSocket }

func (r rawTCP) alive() error { return r.echo("hello") }

// tcpThatMustNotBeCut: the run goes back, and the connections have noticed nothing.
func (s *stack) tcpThatMustNotBeCut() {
	classes := s.config["strategy"].(config)["drain"].(config)["classes"].([]config)
	classes[2]["on_timeout"] = "fail"
	s.writeConfig()
	before := s.ids()
	open := s.openTCP(6)
	load := s.traffic()
	got := s.cutover("apply", "--yes", "--report", "report.json")
	load.end()
	if made := s.report(); got.code != 2 || made.Cut != 0 || made.Probe.Lost != 0 || !strings.Contains(got.stdout, "tcp (lb-") {
		s.Errorf("exit %d, %d cut", got.code, made.Cut)
	}
	for i, one := range open {
		if err := one.alive(); err != nil {
			s.Errorf("connection %d: %v", i, err)
		}
	}
	s.isOld(before)
}
