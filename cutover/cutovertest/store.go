package cutovertest

import (
	"context"
	"encoding/json"
	"time"

	"github.com/cutover/cutover/cutover"
)

// Memory is a store in memory whose session can be lost, asked, or made to fail. It keeps the journal as JSON, so
// that what a run resumes from is what a real store would give it.
type Memory struct {
	Stored  []byte
	Request *cutover.Request
	Before  func() // called before each save
	After   func() // called after each save
	Fail    func(save int) error
	Saves   int
	LostNow bool
	Covered func() time.Duration // how long the lock is certainly held; may be nil
}

// Journal is what is stored now.
func (m *Memory) Journal() cutover.Journal {
	var journal cutover.Journal
	if m.Stored != nil {
		if err := json.Unmarshal(m.Stored, &journal); err != nil {
			panic(err)
		}
	}
	return journal
}

// Load reads the journal.
func (m *Memory) Load(context.Context) (*cutover.Journal, error) {
	journal := m.Journal()
	return &journal, nil
}

// Save stores the journal unless the lock is lost.
func (m *Memory) Save(_ context.Context, journal *cutover.Journal) error {
	m.Saves++
	if m.Before != nil {
		m.Before()
	}
	if m.LostNow {
		return cutover.ErrLost
	}
	if m.Fail != nil {
		if err := m.Fail(m.Saves); err != nil {
			return err
		}
	}
	journal.Rev++
	stored, err := json.Marshal(journal)
	if err != nil {
		return err
	}
	m.Stored = stored
	if m.After != nil {
		m.After()
	}
	return nil
}

// Lost is closed once LostNow is set.
func (m *Memory) Lost() <-chan struct{} {
	lost := make(chan struct{})
	if m.LostNow {
		close(lost)
	}
	return lost
}

// Left is Forever, unless Covered tells something else.
func (m *Memory) Left() time.Duration {
	if m.Covered != nil {
		return m.Covered()
	}
	return cutover.Forever
}

// Asked is the request that was put in Request.
func (m *Memory) Asked() (cutover.Request, bool) {
	if m.Request == nil {
		return cutover.Request{}, false
	}
	return *m.Request, true
}

// Close does nothing.
func (m *Memory) Close() error { return nil }
