package image

import (
	"archive/tar"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// layer is the one layer that is added to the base: the files, and the folders on their way that the base does not
// have. A folder of the base is not in it, so its owner and mode stay as they are.
type layer struct {
	folders  []string
	entries  []entry
	uid, gid int
}

// newLayer asks has which folders the base has. owner is "uid:gid".
func newLayer(entries []entry, owner string, has func(path string) (bool, error)) (layer, error) {
	uid, gid, _ := strings.Cut(owner, ":")
	l := layer{entries: entries}
	var err error
	if l.uid, err = strconv.Atoi(uid); err != nil {
		return l, fmt.Errorf("image: the base's user %q: %w", owner, err)
	}
	if l.gid, err = strconv.Atoi(gid); err != nil {
		return l, fmt.Errorf("image: the base's user %q: %w", owner, err)
	}
	known := map[string]bool{"/": true}
	for _, e := range entries {
		if err := l.addFolders(path.Dir(e.to), known, has); err != nil {
			return l, err
		}
	}
	slices.Sort(l.folders)
	return l, nil
}

// addFolders adds a folder and its parents, the topmost first, as far as the base lacks them.
func (l *layer) addFolders(folder string, known map[string]bool, has func(string) (bool, error)) error {
	if there, looked := known[folder]; looked && (there || slices.Contains(l.folders, folder)) {
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

// write writes the layer as a tar, always the same for the same inputs.
func (l layer) write(to io.Writer) error {
	return l.writeWith(to, func(archive io.Writer, e entry) error {
		content, err := e.open()
		if err != nil {
			return err
		}
		defer content.Close() //nolint:errcheck // only read
		_, err = io.Copy(archive, content)
		return err
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
