package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/docker/docker/api/types/container"
)

// shortestSought is the length from which on a value is looked for: a shorter one is in many files by chance.
const shortestSought = 8

// searchFor refuses a container in whose changes is what must not get into an image: anything in the folder of secrets,
// or the value of one, as it is, in a file. What a command has encoded or encrypted is not found.
func (w *workshop) searchFor(ctx context.Context, values [][]byte) error {
	if len(values) == 0 {
		return nil
	}
	changes, err := w.engine.ContainerDiff(ctx, w.name)
	if err != nil {
		return fmt.Errorf("look what image.run has changed: %w", causeOf(ctx, err))
	}
	for _, change := range changes {
		if change.Kind != container.ChangeDelete && strings.HasPrefix(change.Path, secretsFolder+"/") {
			return fmt.Errorf("image.run has left %s, and whoever has the image would have it: nothing was made", change.Path)
		}
	}
	var sought [][]byte
	for _, value := range values {
		if value := bytes.TrimSpace(value); len(value) >= shortestSought {
			sought = append(sought, value)
		}
	}
	if len(sought) == 0 {
		return nil
	}
	look := &look{engine: w.engine, name: "what image.run has made", container: w.name}
	for _, top := range grown(changes) {
		leaked := ""
		err := look.walk(ctx, top, func(name string, content io.Reader) error {
			found, err := contains(content, sought)
			if found {
				leaked = name
			}
			return err
		})
		if err != nil {
			return causeOf(ctx, err)
		}
		if leaked != "" {
			return fmt.Errorf("image.run has written a secret to %s, and whoever has the image would have it: remove it there in the same command; nothing was made", leaked)
		}
	}
	return nil
}

// grown are the paths below which all that is new is: what was added, unless its folder was, and the files that were
// changed.
func grown(changes []container.FilesystemChange) []string {
	added, parents := map[string]bool{}, map[string]bool{}
	for _, change := range changes {
		added[change.Path] = change.Kind == container.ChangeAdd
		parents[path.Dir(change.Path)] = true
	}
	var tops []string
	for _, change := range changes {
		switch {
		case change.Kind == container.ChangeDelete, added[path.Dir(change.Path)]:
		case change.Kind == container.ChangeModify && parents[change.Path]: // a folder that something changed in
		default:
			tops = append(tops, change.Path)
		}
	}
	return tops
}

// contains reports whether one of these values is in a stream. It reads it in pieces that overlap.
func contains(stream io.Reader, values [][]byte) (bool, error) {
	overlap := 0
	for _, value := range values {
		overlap = max(overlap, len(value)-1)
	}
	buffer := make([]byte, overlap+64<<10)
	for kept := 0; len(values) > 0; {
		read, err := io.ReadFull(stream, buffer[kept:])
		text := buffer[:kept+read]
		for _, value := range values {
			if bytes.Contains(text, value) {
				return true, nil
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		kept = copy(buffer, text[len(text)-overlap:])
	}
	return false, nil
}
