package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/docker/go-connections/nat"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// workshop is a running container in which commands change an image. It lives for as long as the connection to its
// shell: when this program is killed, the shell reads the end of its input, and the engine removes the container.
type workshop struct {
	engine *client.Client
	name   string
	config dockerspec.DockerOCIImageConfig // of the image that it becomes
	stdin  types.HijackedResponse
}

// namePrefix begins the names of containers in which images are made. A label would become one of the image.
const namePrefix = "cutover-run-"

func (b *Build) openWorkshop(ctx context.Context, ref string) (*workshop, error) {
	made, err := b.engine.ImageInspect(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", ref, err)
	}
	w := &workshop{engine: b.engine, name: namePrefix + randomID()}
	if made.Config != nil {
		w.config = *made.Config
	}
	config := &container.Config{
		Image: made.ID, Entrypoint: []string{"/bin/sh"}, User: w.config.User,
		OpenStdin: true, StdinOnce: true, AttachStdin: true,
	}
	if w.config.Healthcheck != nil {
		config.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
	}
	host := &container.HostConfig{AutoRemove: true}
	if slices.ContainsFunc(b.commands, func(c Command) bool { return len(c.Secrets) > 0 }) {
		host.Tmpfs = map[string]string{secretsFolder: "rw,noexec,nosuid,nodev,size=16m,mode=1777"}
	}
	if err := w.start(ctx, config, host); err != nil {
		return nil, errors.Join(err, w.close(ctx))
	}
	return w, nil
}

func (w *workshop) start(ctx context.Context, config *container.Config, host *container.HostConfig) error {
	ctx, cancel := regardless(ctx, "starting the container for image.run")
	defer cancel()
	if _, err := w.engine.ContainerCreate(ctx, config, host, nil, nil, w.name); err != nil {
		return fmt.Errorf("make the container for image.run: %w", causeOf(ctx, err))
	}
	var err error
	if w.stdin, err = w.engine.ContainerAttach(ctx, w.name, container.AttachOptions{Stream: true, Stdin: true}); err != nil {
		return fmt.Errorf("attach to the container for image.run: %w", causeOf(ctx, err))
	}
	if err := w.engine.ContainerStart(ctx, w.name, container.StartOptions{}); err != nil {
		return fmt.Errorf("start the container for image.run, which needs /bin/sh in the base: %w", causeOf(ctx, err))
	}
	return nil
}

// close removes the container and all that runs in it.
func (w *workshop) close(ctx context.Context) error {
	if w.stdin.Conn != nil {
		w.stdin.Close()
	}
	return removeContainer(ctx, w.engine, w.name)
}

// exec runs a command in the container with this on its standard input, if it is not nil, and returns its exit code.
// Both of its outputs go to out. When ctx ends it returns, and leaves what runs to close.
func (w *workshop) exec(ctx context.Context, user string, words []string, in []byte, out io.Writer) (int, error) {
	created, err := w.engine.ContainerExecCreate(ctx, w.name, container.ExecOptions{
		User: user, Cmd: words, AttachStdin: in != nil, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return 0, causeOf(ctx, err)
	}
	stream, err := w.engine.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{})
	if err != nil {
		return 0, causeOf(ctx, err)
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, stream.Close)
	defer stop()
	if in != nil {
		if _, err := stream.Conn.Write(in); err != nil {
			return 0, errors.Join(context.Cause(ctx), err)
		}
		if err := stream.CloseWrite(); err != nil {
			return 0, errors.Join(context.Cause(ctx), err)
		}
	}
	_, err = stdcopy.StdCopy(out, out, stream.Reader)
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err != nil {
		return 0, fmt.Errorf("read its output: %w", err)
	}
	for again := time.NewTicker(20 * time.Millisecond); ; {
		ended, err := w.engine.ContainerExecInspect(ctx, created.ID)
		if err != nil {
			return 0, causeOf(ctx, err)
		}
		if !ended.Running {
			return ended.ExitCode, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// commit makes the image of the container as it is now, with the configuration that the image had before: nothing in it
// tells of the container. The engine goes on with a commit that nobody waits for, so it is waited for.
func (w *workshop) commit(ctx context.Context, ref string) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	ctx, cancel := outlasting(ctx)
	defer cancel()
	_, err := w.engine.ContainerCommit(ctx, w.name, container.CommitOptions{
		Reference: ref, Comment: "cutover build: image.run", Pause: true, Config: committed(w.config),
	})
	if err != nil {
		return fmt.Errorf("commit what image.run has made: %w", causeOf(ctx, err))
	}
	return nil
}

// committed is an image's configuration in the form that a commit takes. What is empty in it the engine fills in from
// the container, so that an entrypoint that is not there must be written down.
func committed(image dockerspec.DockerOCIImageConfig) *container.Config {
	config := &container.Config{
		User: image.User, Env: image.Env, Entrypoint: image.Entrypoint, Cmd: image.Cmd, WorkingDir: image.WorkingDir,
		Labels: maps.Clone(image.Labels), StopSignal: image.StopSignal, Healthcheck: image.Healthcheck, Shell: image.Shell, Volumes: image.Volumes,
	}
	if config.Entrypoint == nil {
		config.Entrypoint = []string{}
	}
	if len(image.ExposedPorts) > 0 {
		config.ExposedPorts = nat.PortSet{}
	}
	for port := range image.ExposedPorts {
		config.ExposedPorts[nat.Port(port)] = struct{}{}
	}
	return config
}
