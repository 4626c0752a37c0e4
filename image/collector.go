package image

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// largestText is the size up to which a content is looked into.
const largestText = 1 << 20

// collector gathers entries. A content that its memory knows is not read.
type collector struct {
	memory   *memory
	contents contents
	entries  []entry
}

// add adds one regular file. at is the stamp of the file that holds the content.
func (c *collector) add(from origin, to string, info fs.FileInfo, at stamp) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is a %s: only regular files go into an image, copy what it stands for", from, kindOf(info.Mode()))
	}
	if strings.Contains(to, "/.wh.") {
		return fmt.Errorf("%s: a name that begins with .wh. would take files away from an image: rename it", from)
	}
	name := path.Base(to)
	known := c.memory.content(from, at, name)
	if known == nil {
		var err error
		if known, err = c.read(from, info.Size(), name); err != nil {
			return fmt.Errorf("read %s: %w", from, err)
		}
		known.Stamp, known.Name = at, name
		c.memory.keep(from, known)
	}
	c.entries = append(c.entries, entry{to: path.Clean(to), mode: sane(info.Mode()), size: info.Size(), sum: known.Sum, from: from, found: known.Found})
	return nil
}

// read reads a content once, for its sum and for the secrets in it, which depend on its name.
func (c *collector) read(from origin, size int64, name string) (*seen, error) {
	content, err := c.contents.open(from)
	if err != nil {
		return nil, err
	}
	defer content.Close() //nolint:errcheck // only read
	hash, text := sha256.New(), &bytes.Buffer{}
	into := io.Writer(hash)
	if size <= largestText {
		into = io.MultiWriter(hash, text)
	}
	read, err := io.CopyN(into, content, size)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if read != size {
		return nil, fmt.Errorf("%d bytes in place of %d: it changes while it is read", read, size)
	}
	return &seen{Sum: hex.EncodeToString(hash.Sum(nil)), Found: secretsIn(name, text.Bytes())}, nil
}

func (c *collector) addFolder(folder, to string) error {
	return filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		relative, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return c.add(origin{path: name}, to+"/"+filepath.ToSlash(relative), info, stampOf(info))
	})
}

// addZip adds a package's zip: its files at the top, or in one folder at the top.
func (c *collector) addZip(source, to string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	archive, err := c.contents.archive(source)
	if errors.Is(err, zip.ErrFormat) {
		return errors.New("it is neither a folder nor a zip that can be read: make the zip anew")
	}
	if err != nil {
		return err
	}
	top, at := topFolder(archive.File), stampOf(info)
	for i, file := range archive.File {
		if file.FileInfo().IsDir() {
			continue
		}
		name := strings.TrimPrefix(file.Name, top)
		if !filepath.IsLocal(file.Name) || strings.Contains(file.Name, `\`) {
			return fmt.Errorf("%q in it leads out of the package: make the zip anew", file.Name)
		}
		if err := c.add(origin{path: source, member: file.Name, index: i}, path.Join(to, name), file.FileInfo(), at); err != nil {
			return err
		}
	}
	return nil
}

func topFolder(files []*zip.File) string {
	top := ""
	for _, file := range files {
		folder, _, nested := strings.Cut(file.Name, "/")
		if !nested || (top != "" && top != folder+"/") {
			return ""
		}
		top = folder + "/"
	}
	return top
}

// sane keeps whether a file can be executed, and nothing else of its mode.
func sane(mode fs.FileMode) fs.FileMode {
	if mode&0o100 != 0 {
		return 0o755
	}
	return 0o644
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	default:
		return "device"
	}
}
