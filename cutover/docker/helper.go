package docker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/cutover/cutover/cutover"
)

// LabelHelper marks a container through which the connections of another one are looked at. It holds that one's id.
const LabelHelper = "io.cutover.helper"

// HelperVerb is the argument with which this program answers as a helper.
const HelperVerb = "sockets-helper"

// helpers look at connections from a container of their own that shares a container's network: this program alone,
// without privileges. A helper ends with the connection of its controller, and is removed by the engine then, so that
// a killed controller leaves none.
type helpers struct {
	engine *client.Client
	mu     sync.Mutex
	open   map[string]*helper // by id of the container that is looked at
	ref    string             // the image, once it has been made
}

type helper struct {
	containerID string
	stream      io.Closer
	ask         io.Writer
	answers     *json.Decoder
}

// read asks the helper of a container, which is started when there is none.
func (h *helpers) read(ctx context.Context, containerID string) ([]cutover.Socket, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	one := h.open[containerID]
	if one == nil {
		var err error
		if one, err = h.start(ctx, containerID); err != nil {
			return nil, fmt.Errorf("by a helper container: %w", err)
		}
		h.open[containerID] = one
	}
	sockets, err := one.sockets(ctx)
	if err != nil {
		delete(h.open, containerID)
		return nil, errors.Join(fmt.Errorf("by helper container %s: %w", shortID(one.containerID), err), one.stream.Close())
	}
	return sockets, nil
}

// sockets asks once. It blocks until the answer is there or the context ends.
func (o *helper) sockets(ctx context.Context) (all []cutover.Socket, err error) {
	stop := context.AfterFunc(ctx, func() { _ = o.stream.Close() })
	defer stop()
	if _, err := io.WriteString(o.ask, "\n"); err != nil {
		return nil, err
	}
	return all, o.answers.Decode(&all)
}

// start makes the image, if need be, and the helper.
func (h *helpers) start(ctx context.Context, containerID string) (_ *helper, err error) {
	ref, err := h.image(ctx)
	if err != nil {
		return nil, err
	}
	pids := int64(16)
	created, err := h.engine.ContainerCreate(ctx, &container.Config{
		Image: ref, User: "65534:65534", Labels: map[string]string{LabelHelper: containerID},
		AttachStdin: true, AttachStdout: true, OpenStdin: true, StdinOnce: true,
	}, &container.HostConfig{
		NetworkMode: container.NetworkMode("container:" + containerID), AutoRemove: true, ReadonlyRootfs: true,
		CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"},
		Resources: container.Resources{Memory: 64 << 20, PidsLimit: &pids},
	}, &network.NetworkingConfig{}, nil, "")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			removed := h.engine.ContainerRemove(context.WithoutCancel(ctx), created.ID, container.RemoveOptions{Force: true})
			if !isNotFound(removed) {
				err = errors.Join(err, removed)
			}
		}
	}()
	attached, err := h.engine.ContainerAttach(ctx, created.ID, container.AttachOptions{Stream: true, Stdin: true, Stdout: true})
	if err != nil {
		return nil, err
	}
	if err := h.engine.ContainerStart(ctx, created.ID, container.StartOptions{}); err != nil {
		attached.Close()
		return nil, err
	}
	read, write := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(write, io.Discard, attached.Reader)
		write.CloseWithError(errors.Join(err, io.EOF))
	}()
	return &helper{containerID: created.ID, stream: attached.Conn, ask: attached.Conn, answers: json.NewDecoder(read)}, nil
}

// close ends all helpers, waits until the engine has removed them, and removes their image.
func (h *helpers) close(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var failed []error
	for id, one := range h.open {
		_ = one.stream.Close()
		removed, errs := h.engine.ContainerWait(ctx, one.containerID, container.WaitConditionRemoved)
		select {
		case <-removed:
		case err := <-errs:
			if !isNotFound(err) {
				failed = append(failed, fmt.Errorf("remove helper container %s: %w", shortID(one.containerID), err))
			}
		}
		delete(h.open, id)
	}
	if h.ref != "" {
		_, err := h.engine.ImageRemove(ctx, h.ref, image.RemoveOptions{})
		if err != nil && !isNotFound(err) && !cerrdefs.IsConflict(err) { // another run may still use it
			failed = append(failed, fmt.Errorf("remove the helpers' image %s: %w", h.ref, err))
		}
		h.ref = ""
	}
	return errors.Join(failed...)
}

// AnswerAsHelper writes the connections of this process's network, as JSON, for each line that it reads, until there are
// none. It is what a helper container runs.
func AnswerAsHelper(questions io.Reader, answers io.Writer) error {
	lines, out := bufio.NewScanner(questions), json.NewEncoder(answers)
	for lines.Scan() {
		sockets, err := socketsIn("")
		if err == nil {
			err = out.Encode(sockets)
		}
		if err != nil {
			return err
		}
	}
	return lines.Err()
}
