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

// layer is the one layer that is added to the base: the files, and every folder on their way. A folder of the base is
// in it as the base has it: one that is only implied by the files' names would belong to root, on engines that lay
// layers over one another. In one that is replaced nothing that the base has in it is in the image.
type layer struct {
	folders  []folder
	replaced []string // among the folders
	entries  []entry
	uid, gid int // of all that is new
}

// folder is one of an image, with whom it belongs to and the bits of its mode.
type folder struct {
	Path string `json:"path"`
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
	Mode int64  `json:"mode"`
}

// folderOf tells what a folder is like in the base; nil when it is not there.
type folderOf func(path string) (*folder, error)

// hidesAll is the name of the file by which a layer hides all that the layers below have in a folder (OCI image
// specification, layers, opaque whiteout).
const hidesAll = ".wh..wh..opq"

// newLayer asks what the base's folders are like. owner is "uid:gid".
func newLayer(entries []entry, replaced []string, owner string, base folderOf) (layer, error) {
	uid, gid, _ := strings.Cut(owner, ":")
	l := layer{entries: entries, replaced: replaced}
	var err error
	if l.uid, err = strconv.Atoi(uid); err != nil {
		return l, fmt.Errorf("image: the base's user %q: %w", owner, err)
	}
	if l.gid, err = strconv.Atoi(gid); err != nil {
		return l, fmt.Errorf("image: the base's user %q: %w", owner, err)
	}
	known := map[string]bool{"/": true} // whether the base has a folder
	for _, e := range entries {
		if err := l.addFolders(path.Dir(e.to), known, base); err != nil {
			return l, err
		}
	}
	slices.SortFunc(l.folders, func(a, b folder) int { return strings.Compare(a.Path, b.Path) })
	return l, nil
}

// addFolders adds a folder and its parents, once each.
func (l *layer) addFolders(at string, known map[string]bool, base folderOf) error {
	if _, looked := known[at]; looked {
		return nil
	}
	if err := l.addFolders(path.Dir(at), known, base); err != nil {
		return err
	}
	var there *folder
	if known[path.Dir(at)] && !slices.Contains(l.replaced, at) { // below a folder that is new everything is new
		var err error
		if there, err = base(at); err != nil {
			return err
		}
	}
	known[at] = there != nil
	if there == nil {
		there = &folder{at, l.uid, l.gid, 0o755}
	}
	l.folders = append(l.folders, *there)
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
	for _, f := range l.folders {
		header := &tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(f.Path, "/") + "/", Mode: f.Mode, Uid: f.UID, Gid: f.GID}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if slices.Contains(l.replaced, f.Path) {
			if err := archive.WriteHeader(&tar.Header{Name: header.Name + hidesAll, Mode: 0o644, Uid: l.uid, Gid: l.gid}); err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
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
