package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/cutover/cutover/cutover"
)

// keeping is one export under way: a log can be larger than one request may take.
type keeping struct {
	ended chan struct{}
	err   error
}

// keepLimit bounds the export of one container.
const keepLimit = 30 * time.Minute

// keep exports what is to outlive an old container, in the background: its log, and the configured paths as tar
// archives. Until that is over it gives NotYet. What has been exported whole is left alone, so it may be repeated.
func (r *Containers) keep(ctx context.Context, c container.InspectResponse) error {
	name := containerName(c)
	if _, old := r.plan.Node(name); !old || r.options.KeepFolder == "" {
		return nil
	}
	k := r.keeps[name]
	if k == nil {
		k = &keeping{ended: make(chan struct{})}
		r.keeps[name] = k
		working, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), keepLimit, fmt.Errorf("not exported within %s", keepLimit))
		go func() {
			defer cancel()
			defer close(k.ended)
			k.err = r.exportAll(working, c)
		}()
	}
	select {
	case <-k.ended:
		delete(r.keeps, name) // an export that failed is tried again; one that succeeded finds everything there
		return k.err
	default:
		return cutover.NotYet(fmt.Errorf("%s is not exported to %s yet", name, r.options.KeepFolder))
	}
}

func (r *Containers) exportAll(ctx context.Context, c container.InspectResponse) error {
	name := containerName(c)
	// A later container may be called the same.
	folder := filepath.Join(r.options.KeepFolder, name+"-"+shortID(c.ID))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("keep what is left of %s: %w", name, err)
	}
	err := export(filepath.Join(folder, "container.log"), func(to io.Writer) error {
		logs, err := r.engine.ContainerLogs(ctx, c.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true})
		if err != nil {
			return err
		}
		defer logs.Close() //nolint:errcheck // only read
		if c.Config.Tty {
			_, err = io.Copy(to, logs)
		} else {
			_, err = stdcopy.StdCopy(to, to, logs)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("keep the log of %s: %w", name, err)
	}
	for _, from := range r.options.Keep {
		err := export(filepath.Join(folder, url.PathEscape(strings.Trim(from, "/"))+".tar"), func(to io.Writer) error {
			content, _, err := r.engine.CopyFromContainer(ctx, c.ID, from)
			if err != nil {
				return err
			}
			defer content.Close() //nolint:errcheck // only read
			_, err = io.Copy(to, content)
			return err
		})
		if err != nil && !isNotFound(err) { // what is not there is not kept
			return fmt.Errorf("keep %s of %s: %w", from, name, err)
		}
	}
	return nil
}

// export writes a file, whole or not at all; one that is there is left alone.
func export(name string, write func(io.Writer) error) error {
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".export-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // gone already when all went well
	if err := errors.Join(write(temp), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), name)
}
