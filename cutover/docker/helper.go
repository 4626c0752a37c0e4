package docker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
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
// without privileges. A helper ends with the connection of its controller, and is removed by the engine then; one that
// was never started is removed by the next look.
type helpers struct {
	engine *client.Client
	mu     sync.Mutex
	open   map[string]*helper // by id of the container that is looked at
	ref    string             // the image, once it has been made
}

type helper struct {
	life    string // of the container that is looked at: its next one has another network
	name    string
	conn    net.Conn
	from    *io.PipeReader
	answers *json.Decoder
}

// close ends a helper: it sees the end of its questions, and the engine removes it.
func (o *helper) close() {
	_ = o.conn.Close()
	_ = o.from.Close()
}

// read asks the helper of a container, which is started when there is none.
func (h *helpers) read(ctx context.Context, containerID, life string) ([]cutover.Socket, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	one := h.open[containerID]
	if one == nil || one.life != life {
		fresh, err := h.start(ctx, containerID, life)
		if err != nil {
			return nil, fmt.Errorf("by a helper container: %w", err)
		}
		h.open[containerID], one = fresh, fresh
	}
	sockets, err := one.sockets(ctx)
	if err != nil {
		one.close()
		one.life = "" // the next question starts another one
		return nil, fmt.Errorf("by helper container %s: %w", one.name, err)
	}
	return sockets, nil
}

// sockets asks once. It blocks until the answer is there or the context ends.
func (o *helper) sockets(ctx context.Context) (all []cutover.Socket, err error) {
	stop := context.AfterFunc(ctx, o.close)
	defer stop()
	if _, err := io.WriteString(o.conn, "\n"); err != nil {
		return nil, err
	}
	return all, o.answers.Decode(&all)
}

// start makes the image, if need be, and the helper, in place of any that is left over.
func (h *helpers) start(ctx context.Context, containerID, life string) (_ *helper, err error) {
	ref, err := h.image(ctx)
	if err != nil {
		return nil, err
	}
	name := "cutover-helper-" + shortID(containerID)
	if err := h.remove(ctx, name); err != nil {
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
	}, &network.NetworkingConfig{}, nil, name)
	defer func() {
		if err != nil {
			err = errors.Join(err, h.remove(context.WithoutCancel(ctx), name))
		}
	}()
	if err != nil {
		h.ref = "" // somebody may have removed it
		return nil, err
	}
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
	return &helper{life: life, name: name, conn: attached.Conn, from: read, answers: json.NewDecoder(read)}, nil
}

func (h *helpers) remove(ctx context.Context, name string) error {
	err := h.engine.ContainerRemove(ctx, name, container.RemoveOptions{Force: true})
	if err == nil || isNotFound(err) || cerrdefs.IsConflict(err) { // the engine may be removing it
		return nil
	}
	return fmt.Errorf("remove helper container %s: %w", name, err)
}

// close ends all helpers, waits until the engine has removed them, and removes their image.
func (h *helpers) close(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var failed []error
	for id, one := range h.open {
		one.close()
		gone, errs := h.engine.ContainerWait(ctx, one.name, container.WaitConditionRemoved)
		select {
		case <-gone:
		case err := <-errs:
			if !isNotFound(err) {
				failed = append(failed, fmt.Errorf("remove helper container %s: %w", one.name, err))
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
