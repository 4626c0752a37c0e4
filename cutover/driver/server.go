package driver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cutover/cutover/cutover"
)

// Server is Integration Server, which API Gateway and Microservices Runtime are built on: how one in a container is
// reached, and what all of them answer.
type Server struct {
	User, Password string
	AdminPort      int         // default 5555: administration and runtime
	QuiescePort    int         // default 4444: created when it is not there; it survives quiescing
	DiagnosticPort int         // default 9999: has threads of its own and survives quiescing too
	TLS            *tls.Config // for the admin port; nil: HTTP
	Separate       *Separate   // not nil: the new nodes make a cluster of their own
	Expect         []string    // packages that a new container must have loaded, beside those of the old one
	Earlier        func() bool // whether new containers get an image from before, which may lack packages of the old ones; may be nil
	SharedClients  bool        // the operator's word that the messaging provider accepts a client id twice
	Containers     Containers
	Now            func() time.Time // default time.Now

	client  func() *http.Client
	settled settled
	wanted  map[string]cutover.State // of a target's consumers
	calls   map[string]*quiesceCall  // the latest request of Integration Server's own quiesce
	ahead   map[string]time.Time     // when a target's request to quiesce was first seen dated in the future
	asked   map[string]string        // the life in which a target was asked to quiesce, and not to come back since
}

// init fills in what is not given.
func (s *Server) init() {
	setDefault := func(port *int, value int) {
		if *port == 0 {
			*port = value
		}
	}
	setDefault(&s.AdminPort, 5555)
	setDefault(&s.QuiescePort, 4444)
	setDefault(&s.DiagnosticPort, 9999)
	if s.Now == nil {
		s.Now = time.Now
	}
	s.client = sync.OnceValue(func() *http.Client { return newClient(s.TLS) })
	s.settled, s.wanted = settled{}, map[string]cutover.State{}
	s.calls, s.asked, s.ahead = map[string]*quiesceCall{}, map[string]string{}, map[string]time.Time{}
}

// TLS is whom an admin port is trusted by, and who we are to it. The files hold PEM.
type TLS struct {
	CAFile            string // default: the system's authorities
	CertFile, KeyFile string // a client's certificate; may be empty
	ServerName        string // in the server's certificate; default: the address, by which containers are reached
	Insecure          bool   // trust anything
}

// Config reads the files.
func (t TLS) Config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.Insecure} //nolint:gosec // the operator's explicit word
	if t.CertFile != "" {
		shown, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read driver.cert_file and driver.key_file: %w", err)
		}
		config.Certificates = []tls.Certificate{shown}
	}
	if t.CAFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read driver.ca_file: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("driver.ca_file %s: there is no certificate in it (PEM is expected)", t.CAFile)
	}
	return config, nil
}

func (s *Server) at(place cutover.Place, port int) (endpoint, error) {
	scheme := "http"
	if s.TLS != nil && port == s.AdminPort {
		scheme = "https"
	}
	return endpointAt(s.client(), scheme, place, port, s.User, s.Password)
}

var (
	errCredentials = errors.New("401: wrong driver.user or password, or a password that must be changed at its first use")
	errPrivilege   = errors.New("401: driver.user is known, but lacks the privilege for it")
	errMissing     = errors.New("there is no such service")
)

// perPort bounds the try of one port among several: one that swallows packets must not take the others' time.
const perPort = 2 * time.Second

// invoke calls a service, named folder:service, on the first port where it is to be had. The ports that survive
// quiescing come first. in is sent as JSON when it is not nil; out may be nil. errMissing: no port offers it.
func (s *Server) invoke(ctx context.Context, place cutover.Place, service string, in, out any) error {
	method := http.MethodGet
	if in != nil {
		method = http.MethodPost
	}
	got, err := s.anyPort(ctx, place, method, "/invoke/"+strings.ReplaceAll(service, ":", "/"), in)
	if err != nil {
		return fmt.Errorf("%s: %w", service, err)
	}
	if out == nil {
		return nil
	}
	if err := got.decode(out); err != nil {
		return fmt.Errorf("%s: %w", service, err)
	}
	return nil
}

// silentError means that nobody answered: it may be too early, or a port is closed.
type silentError struct{ error }

func (e silentError) Unwrap() error { return e.error }

// Silent reports whether an error means that the product did not answer, rather than what it answered.
func Silent(err error) bool {
	var s silentError
	return errors.As(err, &s)
}

// anyPort makes a request on the ports in turn, until one answers with 200.
func (s *Server) anyPort(ctx context.Context, place cutover.Place, method, path string, in any) (answer, error) {
	var silent, refused error // a port that did not answer might have offered it
	missing := 0
	for _, port := range []int{s.DiagnosticPort, s.QuiescePort, s.AdminPort} {
		at, err := s.at(place, port)
		if err != nil {
			silent = err
			continue
		}
		try, cancel := context.WithTimeout(ctx, perPort)
		got, err := at.call(try, method, path, in)
		cancel()
		switch {
		case err != nil:
			silent = silentError{fmt.Errorf("port %d: %s", port, brief(err))}
			if port == s.AdminPort && !refusedConnection(err) {
				missing = 0 // it listens, and is slow: it may well offer it
			}
		case got.status == http.StatusOK:
			return got, nil
		case got.status == http.StatusUnauthorized:
			return got, errCredentials
		case got.status == http.StatusNotFound, got.status == http.StatusForbidden:
			missing++
		default:
			refused = fmt.Errorf("port %d: %s", port, got.why())
		}
	}
	switch {
	case refused != nil:
		return answer{}, refused
	case missing > 0:
		return answer{}, errMissing
	default:
		return answer{}, silent
	}
}

// survivor is a port on which the server can be told to do something, that survives quiescing if there is one. What
// must be asked once is asked there, and waited for.
func (s *Server) survivor(ctx context.Context, place cutover.Place) (endpoint, error) {
	var last error
	for _, port := range []int{s.DiagnosticPort, s.QuiescePort, s.AdminPort} {
		at, err := s.at(place, port)
		if err != nil {
			last = err
			continue
		}
		try, cancel := context.WithTimeout(ctx, perPort)
		got, err := at.call(try, http.MethodGet, "/invoke/wm.server/ping", nil)
		cancel()
		switch {
		case err != nil:
			last = silentError{fmt.Errorf("port %d: %s", port, brief(err))}
		case got.status == http.StatusOK:
			return at, nil
		default:
			last = fmt.Errorf("port %d: ping: %s", port, got.why())
		}
	}
	return endpoint{}, last
}

// The words of wm.server.quiesce:getCurrentMode.
const (
	modeActive  = "ACTIVE"
	modeQuiesce = "QUIESCE"
)

// mode tells a server's mode. Where the services of old are not there, WmAdmin is asked.
func (s *Server) mode(ctx context.Context, place cutover.Place) (string, error) {
	var said modeWords
	err := s.invoke(ctx, place, "wm.server.quiesce:getCurrentMode", nil, &said)
	if errors.Is(err, errMissing) {
		return s.adminMode(ctx, place)
	}
	if err != nil {
		return "", err
	}
	return said.mode()
}

// modeWords are the fields that tell a mode; versions differ in which of them they send.
type modeWords struct {
	Mode          loose `json:"mode"`
	IsQuiesceMode loose `json:"isQuiesceMode"`
}

func (m modeWords) mode() (string, error) {
	switch {
	case strings.EqualFold(string(m.Mode), modeActive), m.Mode == "" && m.IsQuiesceMode == "false":
		return modeActive, nil
	case strings.EqualFold(string(m.Mode), modeQuiesce), m.Mode == "" && m.IsQuiesceMode.yes():
		return modeQuiesce, nil
	}
	return "", fmt.Errorf("unknown mode %q (isQuiesceMode %q)", string(m.Mode), string(m.IsQuiesceMode))
}

// modeGate is open when the server is active: it may come up quiesced.
func (s *Server) modeGate(ctx context.Context, place cutover.Place) gate {
	return func() (bool, string, error) {
		mode, err := s.mode(ctx, place)
		if errors.Is(err, errCredentials) {
			return false, "", err
		}
		if err != nil {
			return false, "mode: " + err.Error(), nil
		}
		return mode == modeActive, "mode " + mode, nil
	}
}

// isNew reports whether the rollout has made a container.
func (s *Server) isNew(target string) bool {
	if s.Containers.Peers == nil {
		return false
	}
	return slices.ContainsFunc(s.Containers.Peers(""), func(peer Peer) bool { return peer.Name == target && peer.New })
}

// quiescedNow reports whether a running container was asked to quiesce in its present life.
func (s *Server) quiescedNow(target string, place cutover.Place) bool {
	since := s.Containers.QuiescedAt(target)
	return !since.IsZero() && !since.Before(place)
}

// diedBefore reports whether an old container, on its way to be quiesced, ended in an earlier process of this rollout
// and has begun a new life since.
func (s *Server) diedBefore(target string, place cutover.Place) bool {
	if s.Containers.QuiesceBegan == nil || s.isNew(target) {
		return false
	}
	began := s.Containers.QuiesceBegan(target)
	return !began.IsZero() && began.Before(place)
}

// running locates a container that must be running.
func running(ctx context.Context, containers Containers, target string) (cutover.Place, error) {
	place, err := containers.Locate(ctx, target)
	if err != nil {
		return place, err
	}
	if !place.Running {
		return place, fmt.Errorf("%s does not run", target)
	}
	return place, nil
}

// wakeByRestart is the way back of every product whose quiesce can't be undone: a new life for the container, unless
// it was never asked to quiesce or has begun one since.
func wakeByRestart(ctx context.Context, containers Containers, target string) error {
	since := containers.QuiescedAt(target)
	if since.IsZero() {
		return nil
	}
	return containers.Restart(ctx, target, since)
}
