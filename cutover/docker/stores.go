package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/cutover/cutover/cutover"
)

// stored names the files of a container's stores that may hold what would be gone with it: those with anything in them
// that were written to after the server had first laid them out. The stores' format is not documented, so what is in
// them can't be counted; a store that is laid out and never used is as old as its container. Stores on a mount outlive
// the container and are not looked at. It changes nothing.
func (e *Fleet) stored(ctx context.Context, c container.InspectResponse) (found []string, err error) {
	created, err := time.Parse(time.RFC3339Nano, c.Created)
	if err != nil {
		return nil, fmt.Errorf("read when %s was created: %w", containerName(c), err)
	}
	for _, store := range e.options.Stores {
		if outlives(c, store) {
			continue
		}
		written, err := e.written(ctx, c, store, created.Add(e.options.LaidOut))
		if err != nil {
			return nil, fmt.Errorf("look into store %s of %s: %w", store, containerName(c), err)
		}
		found = append(found, written...)
	}
	return found, nil
}

// written names the files below a path, with anything in them, that were written to after a moment.
func (e *Fleet) written(ctx context.Context, c container.InspectResponse, store string, after time.Time) (found []string, err error) {
	archive, _, err := e.engine.CopyFromContainer(ctx, c.ID, store)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer archive.Close() //nolint:errcheck // only read
	for files := tar.NewReader(archive); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag != tar.TypeReg || !header.ModTime.After(after) {
			continue
		}
		blank, err := allZero(files)
		if err != nil {
			return nil, err
		}
		if !blank {
			found = append(found, fmt.Sprintf("%s (written %s)", path.Join(path.Dir(store), header.Name), header.ModTime.Format(time.DateTime)))
		}
	}
}

func allZero(content io.Reader) (bool, error) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := content.Read(buffer)
		if slices.ContainsFunc(buffer[:n], func(b byte) bool { return b != 0 }) {
			return false, nil
		}
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

var anonymous = regexp.MustCompile(`^[0-9a-f]{64}$`)

// outlives reports whether a path is on a mount that is not removed with its container.
func outlives(c container.InspectResponse, p string) bool {
	return slices.ContainsFunc(c.Mounts, func(m container.MountPoint) bool {
		goes := m.Type == mount.TypeVolume && anonymous.MatchString(m.Name)
		return !goes && (p == m.Destination || strings.HasPrefix(p, strings.TrimSuffix(m.Destination, "/")+"/"))
	})
}

// spare refuses to remove an old container whose stores may hold something. A new one that goes is removed all the
// same, since the fleet is going back, and what its stores held is said.
func (r *Containers) spare(ctx context.Context, c container.InspectResponse) error {
	name := containerName(c)
	if r.spared[name] {
		return nil
	}
	found, err := r.stored(ctx, c)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		r.spared[name] = true // it is stopped: nothing changes any more
		return nil
	}
	list := strings.Join(found, ", ")
	if _, old := r.plan.Node(name); !old {
		r.gone[name] = "its stores may have held documents or transactions, which are gone with it: " + list
		return nil
	}
	return cutover.Permanent(fmt.Errorf("%s may hold documents or transactions that are nowhere else, and is kept: %s: "+
		"empty its stores (start it without traffic until they are sent, or copy them), then cutover resume; containers.stores: [] if they hold nothing that matters", name, list))
}

// Stored tells for people what would keep a container from being removed. It changes nothing.
func (e *Fleet) Stored(ctx context.Context, target string) ([]string, error) {
	c, err := e.engine.ContainerInspect(ctx, target)
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", target, err)
	}
	return e.stored(ctx, c)
}
