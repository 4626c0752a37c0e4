package image

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/docker/go-units"
)

// transfer adds up how far the layers of one image are.
type transfer struct {
	bytes  map[string]message // by layer, the last that tells of bytes
	ended  map[string]bool    // whether a layer is where it is to be
	moved  map[string]bool    // whether it was not there before
	digest string             // of the whole, when the engine has told it
	again  string             // that a layer is to be tried again
}

func newTransfer() *transfer {
	return &transfer{bytes: map[string]message{}, ended: map[string]bool{}, moved: map[string]bool{}}
}

func (t *transfer) add(m message) {
	if m.Aux.Digest != "" {
		t.digest = m.Aux.Digest
	}
	if pulled, ok := strings.CutPrefix(m.Status, "Digest: "); ok {
		t.digest = pulled
	}
	if m.ID == "" {
		return
	}
	t.again = ""
	if strings.HasPrefix(m.Status, "Retrying") {
		t.again = ", " + strings.ToLower(m.Status)
	}
	switch {
	case m.Status == "Pushed", m.Status == "Pull complete":
		t.ended[m.ID], t.moved[m.ID] = true, true
	case strings.HasPrefix(m.Status, "Mounted from"), strings.HasSuffix(m.Status, "lready exists"):
		t.ended[m.ID] = true
	case m.Status == "Preparing", m.Status == "Waiting", m.Status == "Pulling fs layer":
		t.ended[m.ID] = false
	case m.Status == "Pushing", m.Status == "Downloading":
		t.bytes[m.ID] = m
	}
}

// String tells how many layers are done and how many bytes have moved. The total of bytes is of the layers that have begun.
func (t *transfer) String() string {
	done := 0
	for _, ended := range t.ended {
		if ended {
			done++
		}
	}
	var current, total int64
	for id, m := range t.bytes {
		whole := max(m.Progress.Total, m.Progress.Current)
		total += whole
		if t.ended[id] {
			current += whole
		} else {
			current += m.Progress.Current
		}
	}
	return fmt.Sprintf("%d of %d layers, %s of %s%s", done, len(t.ended), units.HumanSize(float64(current)), units.HumanSize(float64(total)), t.again)
}

// follow tells how far an engine is until it is done, and explains what it says of a registry.
func (c Carrier) follow(ctx context.Context, doing string, messages io.ReadCloser, as login) (*transfer, error) {
	defer messages.Close() //nolint:errcheck // only read
	progress := newTransfer()
	err := read(messages, func(m message) {
		progress.add(m)
		c.tell("%s: %s", doing, progress)
	})
	switch {
	case err == nil:
		return progress, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	default:
		return nil, fmt.Errorf("%s: %w", doing, as.explain(err))
	}
}
