package image

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
)

// LabelTrial marks the container in which a new image is tried, and the network that was made for it.
const LabelTrial = "io.cutover.trial"

// TrialSpec says how an image is tried.
type TrialSpec struct {
	Image   string
	Network string            // default: one of its own, from which nothing else can be reached
	Env     map[string]string // beside the image's
	Publish bool              // the engine is on another machine: publish the ports, on all of its addresses
	Secrets []string          // what must not be shown of the log
}

// Trial is a throw-away container of an image that nobody is served from.
type Trial struct {
	Name    string
	Network string

	engine *client.Client
	spec   TrialSpec
}

// Try starts a container of an image. Close must be called; when Try fails there is nothing left.
func Try(ctx context.Context, engine *client.Client, spec TrialSpec) (*Trial, error) {
	t := &Trial{Name: "cutover-trial-" + randomID(), Network: spec.Network, engine: engine, spec: spec}
	if err := t.start(ctx); err != nil {
		return nil, errors.Join(err, t.Close(ctx))
	}
	return t, nil
}

func (t *Trial) start(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx, cancel := regardless(ctx, "starting a container of the image")
	defer cancel()
	labels := map[string]string{LabelTrial: t.Name}
	if t.Network == "" {
		t.Network = t.Name
		// A network that leads nowhere publishes no port either.
		if _, err := t.engine.NetworkCreate(ctx, t.Name, network.CreateOptions{Driver: "bridge", Internal: !t.spec.Publish, Labels: labels}); err != nil {
			return fmt.Errorf("make a network to try the image on: %w", causeOf(ctx, err))
		}
	}
	config := &container.Config{Image: t.spec.Image, Labels: labels}
	for key, value := range t.spec.Env {
		config.Env = append(config.Env, key+"="+value)
	}
	host := &container.HostConfig{NetworkMode: container.NetworkMode(t.Network), PublishAllPorts: t.spec.Publish}
	if _, err := t.engine.ContainerCreate(ctx, config, host, nil, nil, t.Name); err != nil {
		return fmt.Errorf("make a container of the image: %w", causeOf(ctx, err))
	}
	if err := t.engine.ContainerStart(ctx, t.Name, container.StartOptions{}); err != nil {
		return fmt.Errorf("start a container of the image: %w", causeOf(ctx, err))
	}
	return nil
}

// Running reports whether the container runs, and if not, how it ended.
func (t *Trial) Running(ctx context.Context) (running bool, detail string, err error) {
	c, err := t.engine.ContainerInspect(ctx, t.Name)
	if err != nil {
		return false, "", fmt.Errorf("inspect %s: %w", t.Name, causeOf(ctx, err))
	}
	detail = fmt.Sprintf("it ended with exit code %d", c.State.ExitCode)
	if c.State.OOMKilled {
		detail += ", killed for want of memory"
	}
	return c.State.Running, detail, nil
}

// Log is the end of what the container has written, without secrets. It works after ctx has ended, too.
func (t *Trial) Log(ctx context.Context) string {
	ctx, cancel := regardless(ctx, "reading the log of "+t.Name)
	defer cancel()
	log, err := t.engine.ContainerLogs(ctx, t.Name, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "40"})
	if err != nil {
		return "(no log: " + causeOf(ctx, err).Error() + ")"
	}
	defer log.Close() //nolint:errcheck // only read
	var values [][]byte
	for _, secret := range t.spec.Secrets {
		values = append(values, []byte(secret))
	}
	var last tail
	shown := newMask(&last, values)
	if _, err := stdcopy.StdCopy(shown, shown, log); err != nil {
		return "(no log: " + err.Error() + ")"
	}
	if shown.flush() != nil || last.String() == "" {
		return "(its log is empty)"
	}
	return strings.ToValidUTF8(last.String(), "?")
}

// Close removes the container and its network, also after ctx has ended.
func (t *Trial) Close(ctx context.Context) error {
	err := removeContainer(ctx, t.engine, t.Name)
	if t.Network == t.Name {
		err = errors.Join(err, removeNetwork(ctx, t.engine, t.Name))
	}
	return err
}
