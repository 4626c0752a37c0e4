package image

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// layer is the one layer that is added to the base: the files, and the folders on their way that the base does not
// have. A folder of the base is not in it, so its owner and mode stay as they are; unless it is replaced, then nothing
// that the base has in it is in the image.
type layer struct {
	folders  []string
	replaced []string // among the folders
	entries  []entry
	uid, gid int
}

// hidesAll is the name of the file by which a layer hides all that the layers below have in a folder (OCI image
// specification, layers, opaque whiteout).
const hidesAll = ".wh..wh..opq"

// newLayer asks has which folders the base has. owner is "uid:gid".
func newLayer(entries []entry, replaced []string, owner string, has inside) (layer, error) {
	uid, gid, _ := strings.Cut(owner, ":")
	l := layer{entries: entries, replaced: replaced, folders: slices.Clone(replaced)}
	var err error
	if l.uid, err = strconv.Atoi(uid); err != nil {
		return l, fmt.Errorf("image: the base's user %q: %w", owner, err)
	}
	if l.gid, err = strconv.Atoi(gid); err != nil {
		return l, fmt.Errorf("image: the base's user %q: %w", owner, err)
	}
	known := map[string]bool{"/": true}
	for _, folder := range replaced {
		known[folder] = false // as if the base did not have it
	}
	for _, e := range entries {
		if err := l.addFolders(path.Dir(e.to), known, has); err != nil {
			return l, err
		}
	}
	slices.Sort(l.folders)
	return l, nil
}

// addFolders adds a folder and its parents, the topmost first, as far as the base lacks them. known tells of each
// folder that was looked at whether the base has it.
func (l *layer) addFolders(folder string, known map[string]bool, has inside) error {
	if _, looked := known[folder]; looked {
		return nil
	}
	if err := l.addFolders(path.Dir(folder), known, has); err != nil {
		return err
	}
	there := known[path.Dir(folder)] // below a folder that is new everything is new
	if there {
		var err error
		if there, err = has(folder); err != nil {
			return err
		}
	}
	known[folder] = there
	if !there {
		l.folders = append(l.folders, folder)
	}
	return nil
}

// write writes the layer as a tar, always the same for the same inputs. An input that is not what it was when it was
// collected is an error.
func (l layer) write(to io.Writer) error {
	var from contents
	defer from.Close() //nolint:errcheck // only read
	return l.writeWith(to, func(archive io.Writer, e entry) error {
		content, err := from.open(e.from)
		if err != nil {
			return err
		}
		defer content.Close() //nolint:errcheck // only read
		hash := sha256.New()
		copied, err := io.CopyN(io.MultiWriter(archive, hash), content, e.size)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if copied != e.size || hex.EncodeToString(hash.Sum(nil)) != e.sum {
			return fmt.Errorf("%s has changed since it was looked at: build again", e.from)
		}
		return nil
	})
}

// size is how many bytes write writes, found without reading the files.
func (l layer) size() (int64, error) {
	var counted counter
	err := l.writeWith(&counted, func(archive io.Writer, e entry) error {
		_, err := io.CopyN(archive, zeros{}, e.size)
		return err
	})
	return int64(counted), err
}

func (l layer) writeWith(to io.Writer, content func(io.Writer, entry) error) error {
	archive := tar.NewWriter(to)
	for _, folder := range l.folders {
		header := &tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(folder, "/") + "/", Mode: 0o755, Uid: l.uid, Gid: l.gid}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		if slices.Contains(l.replaced, folder) {
			if err := archive.WriteHeader(&tar.Header{Name: header.Name + hidesAll, Mode: 0o644, Uid: l.uid, Gid: l.gid}); err != nil {
				return fmt.Errorf("%s: %w", folder, err)
			}
		}
	}
	for _, e := range l.entries {
		header := &tar.Header{Name: strings.TrimPrefix(e.to, "/"), Mode: int64(e.mode), Size: e.size, Uid: l.uid, Gid: l.gid}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("%s: %w", e.to, err)
		}
		if err := content(archive, e); err != nil {
			return fmt.Errorf("%s: %w", e.to, err)
		}
	}
	return archive.Close()
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
