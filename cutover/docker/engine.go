// Package docker moves containers along their ladder: absent, stopped, healthy. A new container is a clone of the
// old one on another image.
package docker

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker/docker/client"

	"github.com/cutover/cutover/cutover"
)

// Labels on every container that cutover makes. A rollout's own containers are known by them and by nothing else.
const (
	LabelService  = "io.cutover.service"
	LabelRollout  = "io.cutover.rollout"
	LabelReplaces = "io.cutover.replaces" // name of the old container
	LabelBase     = "io.cutover.base"     // name before any rollout
)

// TLS are the files by which an engine at tcp:// is trusted, and by which it trusts us. The zero TLS is plain TCP.
type TLS struct{ CAFile, CertFile, KeyFile string }

// Connect opens a client for an engine, given as unix:///path or tcp://host:port; empty means what DOCKER_HOST says,
// or the local one. The API version is negotiated, so old engines work. Nothing is sent yet.
func Connect(host string, secure TLS) (*client.Client, error) {
	options := []client.Opt{client.WithAPIVersionNegotiation()}
	switch {
	case host == "":
		options = append(options, client.FromEnv)
	case strings.HasPrefix(host, "unix://"), strings.HasPrefix(host, "tcp://"):
		options = append(options, client.WithHost(host))
	default:
		return nil, fmt.Errorf("connect to Docker: %q is not understood: use unix:///path or tcp://host:port (for ssh, forward the socket first: ssh -L)", host)
	}
	if secure != (TLS{}) {
		options = append(options, client.WithTLSClientConfig(secure.CAFile, secure.CertFile, secure.KeyFile))
	}
	engine, err := client.NewClientWithOpts(options...)
	if err != nil {
		return nil, fmt.Errorf("connect to Docker: %w", err)
	}
	return engine, nil
}

// Readiness is the product's own word on whether a running container may serve. The error means that it could not
// be told; detail is for people and says what is still missing.
type Readiness interface {
	Ready(ctx context.Context, target string, place cutover.Place) (ready bool, detail string, err error)
}
