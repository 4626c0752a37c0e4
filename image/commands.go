package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Command is run in a container of the image that all files are in already, and what it changes becomes part of the
// image.
type Command struct {
	Words   []string
	User    string // default: the image's
	Timeout time.Duration
	Secrets []Secret // readable for the command's user only, and for as long as it runs
}

// Secret is a file /run/secrets/ID, on a tmpfs. Its value is read when the command is run; the fingerprint knows its
// ID only.
type Secret struct {
	ID    string
	Value func() ([]byte, error)
}

const secretsFolder = "/run/secrets"

// String is what people call a command: its words, or its script.
func (c Command) String() string {
	text := strings.Join(c.Words, " ")
	if len(c.Words) == 3 && c.Words[0] == "/bin/sh" && c.Words[1] == "-c" {
		text = c.Words[2]
	}
	text, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if len(text) > 60 {
		text, more = text[:60], true
	}
	if more {
		text += "…"
	}
	return text
}

func (c Command) secretNames() []string {
	names := []string{}
	for _, s := range c.Secrets {
		names = append(names, s.ID)
	}
	return names
}

// execute runs the commands on the image with this name and gives the name to what comes of it. Whatever happens, the
// container in which they ran is gone afterwards.
func (b *Build) execute(ctx context.Context, ref string) (err error) {
	w, err := b.openWorkshop(ctx, ref)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close(ctx)) }()
	var values [][]byte
	for i, command := range b.commands {
		used, err := w.run(ctx, command, b.output)
		if err != nil {
			return fmt.Errorf("image.run[%d], %s: %w", i, command, err)
		}
		values = append(values, used...)
	}
	if err := w.searchFor(ctx, values); err != nil {
		return err
	}
	return w.commit(ctx, ref)
}

// run runs one command, and returns the values of its secrets.
func (w *workshop) run(ctx context.Context, c Command, output io.Writer) (values [][]byte, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("it was not over within %s: raise its timeout, if it may take that long", c.Timeout))
	defer cancel()
	for _, secret := range c.Secrets {
		value, err := secret.Value()
		if err == nil {
			err = w.put(ctx, c.User, secret.ID, value)
		}
		if err != nil {
			return nil, fmt.Errorf("secret %s: %w", secret.ID, err)
		}
		values = append(values, value)
	}
	if output == nil {
		output = io.Discard
	}
	var last tail
	shown := newMask(io.MultiWriter(output, &last), values)
	code, err := w.exec(ctx, c.User, c.Words, nil, shown)
	err = errors.Join(err, shown.flush())
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d", code)
	}
	if err != nil && last.String() != "" {
		err = fmt.Errorf("%w; its last lines:\n%s", err, last.String())
	}
	if err != nil || len(c.Secrets) == 0 {
		return values, err
	}
	if code, err := w.exec(ctx, "0", []string{"/bin/sh", "-c", "rm -rf " + secretsFolder + "/*"}, nil, &last); err != nil || code != 0 {
		return nil, errors.Join(fmt.Errorf("take the secrets away: exit code %d: %s", code, newTail(values, last.text)), err)
	}
	return values, nil
}

// put writes a secret's value where only the user can read it. The value goes through a stream into memory: no
// variable, no argument and no layer ever has it.
func (w *workshop) put(ctx context.Context, user, id string, value []byte) error {
	var said tail
	code, err := w.exec(ctx, user, []string{"/bin/sh", "-c", `umask 077 && cat > "$1"`, "sh", secretsFolder + "/" + id}, value, &said)
	if err == nil && code != 0 {
		err = fmt.Errorf("write it to %s: exit code %d: %s", secretsFolder, code, newTail([][]byte{value}, said.text))
	}
	return err
}

// newTail is text with no value in it.
func newTail(values [][]byte, text []byte) string {
	var masked bytes.Buffer
	m := newMask(&masked, values)
	_, err := m.Write(text)
	if errors.Join(err, m.flush()) != nil {
		return ""
	}
	return strings.TrimSpace(masked.String())
}
