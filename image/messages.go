package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// message is one of those by which an engine tells how far it is.
type message struct {
	Status   string `json:"status"`
	ID       string `json:"id"` // of a layer, shortened
	Error    string `json:"error"`
	Progress struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
	Aux struct {
		Digest string `json:"Digest"` // of what was pushed
	} `json:"aux"`
}

// engineError reads the engine's messages to their end and returns the error among them.
func engineError(messages io.Reader) error {
	return read(messages, func(message) {})
}

// read reads messages to their end, or to the first that is an error, which it returns.
func read(messages io.Reader, each func(message)) error {
	for decoder := json.NewDecoder(messages); ; {
		var m message
		err := decoder.Decode(&m)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the engine's answer: %w", err)
		case m.Error != "":
			return errors.New(m.Error)
		}
		each(m)
	}
}
