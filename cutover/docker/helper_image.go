package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/docker/docker/api/types/image"
)

// image makes an image of nothing but this program, unless it is there, and returns its reference.
func (h *helpers) image(ctx context.Context) (string, error) {
	if h.ref != "" {
		return h.ref, nil
	}
	version, err := h.engine.ServerVersion(ctx)
	if err != nil {
		return "", err
	}
	if version.Os != runtime.GOOS || version.Arch != runtime.GOARCH {
		return "", fmt.Errorf("%w: this program is for %s/%s and can't run on the engine's %s/%s", errors.ErrUnsupported, runtime.GOOS, runtime.GOARCH, version.Os, version.Arch)
	}
	name, err := staticProgram()
	if err != nil {
		return "", err
	}
	sum, err := sumOf(name)
	if err != nil {
		return "", err
	}
	ref := "cutover-helper:" + sum[:12]
	if _, err := h.engine.ImageInspect(ctx, ref); err == nil {
		h.ref = ref
		return ref, nil
	} else if !isNotFound(err) {
		return "", err
	}
	if err := h.importProgram(ctx, name, ref); err != nil {
		return "", fmt.Errorf("make the image %s: %w", ref, err)
	}
	h.ref = ref
	return ref, nil
}

func (h *helpers) importProgram(ctx context.Context, name, ref string) error {
	read, write := io.Pipe()
	defer read.Close() //nolint:errcheck // ends the goroutine when the engine stops reading
	go func() { write.CloseWithError(packProgram(write, name)) }()
	answer, err := h.engine.ImageImport(ctx, image.ImportSource{Source: read, SourceName: "-"}, ref, image.ImportOptions{
		Changes: []string{`ENTRYPOINT ["/cutover","` + HelperVerb + `"]`, "LABEL " + LabelHelper + "=image"},
	})
	if err != nil {
		return err
	}
	defer answer.Close() //nolint:errcheck // read to its end
	_, err = io.Copy(io.Discard, answer)
	return err
}

func sumOf(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close() //nolint:errcheck // only read
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// staticProgram is the path of this program, if it can run in an image with nothing else in it.
func staticProgram() (string, error) {
	name, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	program, err := elf.Open(name)
	if err != nil {
		return "", fmt.Errorf("%w: read this program: %w", errors.ErrUnsupported, err)
	}
	defer program.Close() //nolint:errcheck // only read
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP {
			return "", fmt.Errorf("%w: this program was built with cgo and can't run alone in an image: build it with make build", errors.ErrUnsupported)
		}
	}
	return name, nil
}

func packProgram(to io.Writer, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read
	info, err := file.Stat()
	if err != nil {
		return err
	}
	archive := tar.NewWriter(to)
	if err := archive.WriteHeader(&tar.Header{Name: "cutover", Mode: 0o755, Size: info.Size()}); err != nil {
		return err
	}
	if _, err := io.Copy(archive, file); err != nil {
		return err
	}
	return archive.Close()
}
