package image

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// entry is one regular file of the image.
type entry struct {
	to   string // absolute, in the image
	mode fs.FileMode
	size int64
	sum  string // SHA-256 of the content
	from origin

	found []secret // in the content
}

// origin is where a content is: in a file, in a zip, or here.
type origin struct {
	path   string
	member string // of the zip at path; or empty
	index  int    // of the member
	text   []byte // with no path
}

func (o origin) String() string {
	switch {
	case o.member != "":
		return o.path + "!" + o.member
	case o.path == "":
		return "what cutover itself writes"
	}
	return o.path
}

// contents opens contents one after the other. It keeps the last zip open, so that reading a zip through costs one
// reading of its directory.
type contents struct {
	path string
	zip  *zip.ReadCloser
}

func (c *contents) open(o origin) (io.ReadCloser, error) {
	switch {
	case o.path == "":
		return io.NopCloser(bytes.NewReader(o.text)), nil
	case o.member == "":
		return os.Open(o.path)
	}
	archive, err := c.archive(o.path)
	if err != nil {
		return nil, err
	}
	if o.index >= len(archive.File) || archive.File[o.index].Name != o.member {
		return nil, fmt.Errorf("%s is no longer in %s", o.member, o.path)
	}
	return archive.File[o.index].Open()
}

func (c *contents) archive(path string) (*zip.ReadCloser, error) {
	if c.zip != nil && c.path == path {
		return c.zip, nil
	}
	if err := c.Close(); err != nil {
		return nil, err
	}
	archive, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	c.path, c.zip = path, archive
	return archive, nil
}

// Close closes the zip that is still open. The contents may be used again.
func (c *contents) Close() error {
	if c.zip == nil {
		return nil
	}
	archive := c.zip
	c.zip = nil
	return archive.Close()
}
