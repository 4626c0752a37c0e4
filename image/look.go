package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// LabelLook marks the container, never started, through which an image is looked into.
const LabelLook = "io.cutover.look"

// look answers what is in an image, or in a container. For an image it makes a container, which is never started, at
// the first question to which the answer is not known yet.
type look struct {
	engine *client.Client
	name   string // as people call it
	image  string // id; or empty, with a container
	known  *facts // answers are added

	container string
}

// has reports whether the image has a path.
func (l *look) has(ctx context.Context, path string) (bool, error) {
	if there, known := l.known.Has[path]; known {
		return there, nil
	}
	if err := l.open(ctx); err != nil {
		return false, err
	}
	_, err := l.engine.ContainerStatPath(ctx, l.container, path)
	if err != nil && !cerrdefs.IsNotFound(err) {
		return false, fmt.Errorf("look into %s for %s: %w", l.name, path, err)
	}
	l.known.Has[path] = err == nil
	return err == nil, nil
}

// folders answers what the image's folders are like.
func (l *look) folders(ctx context.Context) folderOf {
	return func(path string) (*folder, error) {
		if known, looked := l.known.Folders[path]; looked {
			return known, nil
		}
		found, err := l.folder(ctx, path)
		if err != nil {
			return nil, fmt.Errorf("look into %s for %s: %w", l.name, path, err)
		}
		l.known.Folders[path] = found
		return found, nil
	}
}

// folder asks for all that is in a folder and reads no more than what comes first, which is the folder.
func (l *look) folder(ctx context.Context, path string) (*folder, error) {
	if err := l.open(ctx); err != nil {
		return nil, err
	}
	all, _, err := l.engine.CopyFromContainer(ctx, l.container, path)
	if cerrdefs.IsNotFound(err) {
		return nil, nil //nolint:nilnil // what is not there is no error
	}
	if err != nil {
		return nil, err
	}
	defer all.Close() //nolint:errcheck // given up
	header, err := tar.NewReader(all).Next()
	switch {
	case err != nil:
		return nil, err
	case header.Typeflag == tar.TypeSymlink:
		return nil, fmt.Errorf("it is a symbolic link there: put the file below %s, where it leads", header.Linkname)
	case header.Typeflag != tar.TypeDir:
		return nil, errors.New("it is no folder there")
	}
	return &folder{path, header.Uid, header.Gid, header.Mode & 0o7777}, nil
}

// largestRecord bounds what is read of an image into memory; a record of 100,000 files has about 20 MiB.
const largestRecord = 256 << 20

// read returns a file; nil when it is not there.
func (l *look) read(ctx context.Context, path string) (text []byte, err error) {
	err = l.walk(ctx, path, func(_ string, content io.Reader) error {
		text, err = io.ReadAll(io.LimitReader(content, largestRecord))
		return err
	})
	return text, err
}

// walk visits a regular file, or all those below a folder, by their path. What is not there has none.
func (l *look) walk(ctx context.Context, top string, visit func(path string, content io.Reader) error) error {
	if err := l.open(ctx); err != nil {
		return err
	}
	all, _, err := l.engine.CopyFromContainer(ctx, l.container, top)
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s of %s: %w", top, l.name, err)
	}
	defer all.Close() //nolint:errcheck // only read
	for archive := tar.NewReader(all); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && header.Typeflag == tar.TypeReg {
			err = visit(path.Join(path.Dir(top), header.Name), archive)
		}
		if err != nil {
			return fmt.Errorf("read %s of %s: %w", top, l.name, err)
		}
	}
}

func (l *look) open(ctx context.Context) error {
	if l.container != "" {
		return nil
	}
	ctx, cancel := regardless(ctx, "making a container to look into "+l.name)
	defer cancel()
	created, err := l.engine.ContainerCreate(ctx, &container.Config{
		Image: l.image, Cmd: []string{"never-started"},
		Labels: map[string]string{LabelLook: l.image},
	}, nil, nil, nil, "")
	if err != nil {
		return fmt.Errorf("look into %s: %w", l.name, err)
	}
	l.container = created.ID
	return nil
}

// close ends the looking. It works after ctx has ended, too.
func (l *look) close(ctx context.Context) error {
	if l.container == "" || l.image == "" {
		return nil
	}
	err := l.engine.ContainerRemove(context.WithoutCancel(ctx), l.container, container.RemoveOptions{RemoveVolumes: true})
	if err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("remove %s, through which %s was looked into (label %s): %w", l.container[:12], l.name, LabelLook, err)
	}
	l.container = ""
	return nil
}
