package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"
)

// noise are paths that a server writes to by itself, where a change is no change of its configuration: logs, what is
// temporary or locked, caches, and its stores.
var noise = regexp.MustCompile(`(?i)(^|/)(logs?|te?mp|caches?|workspace|\.metadata|heapdumps?)(/|$)` +
	`|\.(log|pid|lock|lck|tmp|swp|hprof)(\.\d+)?$` +
	`|/IntegrationServer(/instances/[^/]+)?/(DocumentStore|XAStore|WmRepository\d*|db|audit|replicate)(/|$)` +
	`|/InternalDataStore/(data|nodes)(/|$)|/profiles/[^/]+/configuration/org\.eclipse[^/]*(/|$)` +
	`|^/(run|proc|sys|dev)(/|$)|^/etc/(hosts|hostname|resolv\.conf|mtab)$|/\.(bash_history|viminfo)$`)

// driftLimit bounds how many changed files are compared: each costs the engine a process.
const driftLimit = 500

// Drift names the files that were changed on a container's own disk since it was made and that an image does not have
// the same: what would be lost with the container. What a server writes by itself is left out, as is what is below one
// of the carried paths, and what is on a mount. From is the container's, To the image's. It changes nothing but for a
// container of the image that is made to look into it, and never started. skipped is how many files were too many to compare.
func Drift(ctx context.Context, engine *client.Client, containerName, imageRef string, carried []string) (found []Change, skipped int, err error) {
	changed, err := changedFiles(ctx, engine, containerName, carried)
	if err != nil {
		return nil, 0, err
	}
	skipped = max(0, len(changed)-driftLimit)
	changed = changed[:len(changed)-skipped]
	if len(changed) == 0 {
		return nil, 0, nil
	}
	inContainer := &look{engine: engine, name: containerName, container: containerName}
	inImage, err := lookInto(ctx, engine, imageRef)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, inImage.close(ctx)) }()
	if err := inImage.open(ctx); err != nil {
		return nil, 0, err
	}
	all := make([]Change, len(changed))
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.SetLimit(8)
	for i, name := range changed {
		jobs.Go(func() (err error) {
			all[i].Name = name
			if all[i].From, err = inContainer.sum(ctx, name); err != nil {
				return err
			}
			all[i].To, err = inImage.sum(ctx, name)
			return err
		})
	}
	if err := jobs.Wait(); err != nil {
		return nil, 0, err
	}
	return slices.DeleteFunc(all, func(c Change) bool {
		return (c.From == nil && c.To == nil) || (c.From != nil && c.To != nil && *c.From == *c.To)
	}), skipped, nil
}

// changedFiles are the files, and folders that were deleted, in a container that are not as in its image.
func changedFiles(ctx context.Context, engine *client.Client, containerName string, carried []string) ([]string, error) {
	all, err := engine.ContainerDiff(ctx, containerName)
	if err != nil {
		return nil, fmt.Errorf("ask what was changed in %s: %w", containerName, err)
	}
	var paths []string
	for _, change := range all {
		paths = append(paths, change.Path)
	}
	slices.Sort(paths)
	kinds := map[string]container.ChangeType{}
	for _, change := range all {
		kinds[change.Path] = change.Kind
	}
	var files []string
	for i, p := range paths {
		folder := i+1 < len(paths) && strings.HasPrefix(paths[i+1], p+"/") // the engine names each folder above a change
		if (folder && kinds[p] != container.ChangeDelete) || noise.MatchString(p) || below(p, carried) {
			continue
		}
		files = append(files, p)
	}
	return files, nil
}

func below(p string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return p == path.Clean(f) || strings.HasPrefix(p, path.Clean(f)+"/") })
}

// lookInto looks into an image that is on the engine.
func lookInto(ctx context.Context, engine *client.Client, ref string) (*look, error) {
	inspected, err := engine.ImageInspect(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", ref, err)
	}
	return &look{engine: engine, name: ref, image: inspected.ID}, nil
}

// sum is the SHA-256 of a file, nil where there is no file of that name. A folder has none.
func (l *look) sum(ctx context.Context, name string) (sum *string, err error) {
	err = l.walk(ctx, name, func(file string, content io.Reader) error {
		if file != name {
			return errFolder
		}
		hash := sha256.New()
		_, err := io.Copy(hash, content)
		text := hex.EncodeToString(hash.Sum(nil))
		sum = &text
		return err
	})
	if errors.Is(err, errFolder) {
		return nil, nil
	}
	return sum, err
}

var errFolder = errors.New("a folder")
