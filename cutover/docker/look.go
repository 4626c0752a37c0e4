package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Hashes are the SHA-256 of those of these files that a container has, by path, whether or not it runs. What is not
// there, and what is not a file, is left out. It changes nothing.
func (e *Fleet) Hashes(ctx context.Context, target string, paths []string) (map[string]string, error) {
	hashes := make([]string, len(paths))
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(8) // each costs the engine a process
	for i, path := range paths {
		all.Go(func() (err error) {
			if hashes[i], err = e.hash(ctx, target, path); err != nil {
				return fmt.Errorf("read %s of %s: %w", path, target, err)
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	found := map[string]string{}
	for i, path := range paths {
		if hashes[i] != "" {
			found[path] = hashes[i]
		}
	}
	return found, nil
}

func (e *Fleet) hash(ctx context.Context, target, path string) (string, error) {
	archive, _, err := e.engine.CopyFromContainer(ctx, target, path)
	if isNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer archive.Close() //nolint:errcheck // only read
	files := tar.NewReader(archive)
	header, err := files.Next()
	if errors.Is(err, io.EOF) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if header.Typeflag == tar.TypeSymlink {
		return "", fmt.Errorf("it is a symbolic link to %s, and only files can be compared: name it in driver.files_may_differ", header.Linkname)
	}
	if header.Typeflag != tar.TypeReg {
		return "", nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, files); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Environment is that of a container now, and that of the one which would replace it on another image. It changes
// nothing.
func (e *Fleet) Environment(ctx context.Context, target, image string) (now, next map[string]string, err error) {
	c, err := e.engine.ContainerInspect(ctx, target)
	if err != nil {
		return nil, nil, fmt.Errorf("inspect %s: %w", target, err)
	}
	oldImage, err := e.engine.ImageInspect(ctx, c.Image)
	if err != nil {
		return nil, nil, fmt.Errorf("inspect the image of %s: %w", target, err)
	}
	newImage, err := e.engine.ImageInspect(ctx, image)
	if err != nil {
		return nil, nil, fmt.Errorf("inspect image %s: %w", image, err)
	}
	set, err := e.options.env(baseName(c) + ".new")
	if err != nil {
		return nil, nil, err
	}
	own := withEnv(subtract(*c.Config, oldImage.Config).Env, set, e.options.UnsetEnv)
	next = map[string]string{}
	if newImage.Config != nil {
		next = environment(newImage.Config.Env)
	}
	for key, value := range environment(own) {
		next[key] = value
	}
	return environment(c.Config.Env), next, nil
}

func environment(entries []string) map[string]string {
	values := make(map[string]string, len(entries))
	for _, entry := range entries {
		key, value, _ := strings.Cut(entry, "=")
		values[key] = value
	}
	return values
}

var release = regexp.MustCompile(`(\d+\.\d+)(\.\d+)*`)

// Release is the first two numbers of an image's version, such as 10.15, or "": the tag of one of its names tells, or
// else its label org.opencontainers.image.version, which may be that of the system underneath.
func (e *Fleet) Release(ctx context.Context, image string, names ...string) (string, error) {
	inspected, err := e.engine.ImageInspect(ctx, image)
	if err != nil {
		return "", fmt.Errorf("inspect image %s: %w", image, err)
	}
	for _, name := range append(names, inspected.RepoTags...) {
		if found := release.FindStringSubmatch(name[strings.LastIndex(name, ":")+1:]); found != nil {
			return found[1], nil
		}
	}
	if inspected.Config != nil {
		if found := release.FindStringSubmatch(inspected.Config.Labels["org.opencontainers.image.version"]); found != nil {
			return found[1], nil
		}
	}
	return "", nil
}
