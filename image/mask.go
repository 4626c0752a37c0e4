package image

import (
	"bytes"
	"io"
	"slices"
)

// mask is a writer that shows none of some values: it writes on what it is given, with *** in their place. It keeps
// back as much as could be the beginning of one, until more comes or flush is called.
type mask struct {
	to      io.Writer
	values  [][]byte
	longest int
	kept    []byte
}

// newMask masks values, and each line of a value that has several. Very short ones would hide everything.
func newMask(to io.Writer, values [][]byte) *mask {
	m := &mask{to: to}
	for _, value := range values {
		m.values = append(m.values, bytes.TrimSpace(value))
		for line := range bytes.Lines(value) {
			if line := bytes.TrimSpace(line); len(line) >= 8 {
				m.values = append(m.values, line)
			}
		}
	}
	m.values = slices.DeleteFunc(m.values, func(v []byte) bool { return len(v) < 3 })
	slices.SortFunc(m.values, func(a, b []byte) int { return len(b) - len(a) })
	if len(m.values) > 0 {
		m.longest = len(m.values[0])
	}
	return m
}

func (m *mask) Write(p []byte) (int, error) {
	m.kept = m.hide(append(m.kept, p...))
	ready := max(0, len(m.kept)-max(0, m.longest-1))
	if _, err := m.to.Write(m.kept[:ready]); err != nil {
		return 0, err
	}
	m.kept = append([]byte(nil), m.kept[ready:]...)
	return len(p), nil
}

// flush writes what was kept back: there is nothing more to come.
func (m *mask) flush() error {
	_, err := m.to.Write(m.kept)
	m.kept = nil
	return err
}

func (m *mask) hide(text []byte) []byte {
	for _, value := range m.values {
		text = bytes.ReplaceAll(text, value, []byte("***"))
	}
	return text
}

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append([]byte(nil), t.text[over:]...)
		if end := bytes.IndexByte(t.text, '\n'); end >= 0 {
			t.text = t.text[end+1:] // a whole line first
		}
	}
	return len(p), nil
}

func (t *tail) String() string { return string(bytes.TrimSpace(t.text)) }
