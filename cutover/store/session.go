package store

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"time"

	"github.com/cutover/cutover/cutover"
)

// fileSession is a held flock.
type fileSession struct {
	file    *File
	service string
	lock    *os.File

	lost     chan struct{}
	loseOnce sync.Once
	known    bool             // the stored Rev is known
	rev      uint64           // of what is stored
	last     *cutover.Journal // what is stored; nil: nothing
}

// Load reads the journal; nil when there is none.
func (s *fileSession) Load(context.Context) (*cutover.Journal, error) {
	journal, err := s.file.load(s.service)
	if err != nil {
		return nil, err
	}
	s.known, s.rev, s.last = true, 0, journal
	if journal != nil {
		s.rev = journal.Rev
	}
	return journal, nil
}

// Save replaces the stored journal. A lock file that was removed, or replaced by another, is a lost lock.
func (s *fileSession) Save(ctx context.Context, journal *cutover.Journal) error {
	if !s.holds() {
		s.lose()
		return cutover.ErrLost
	}
	if !s.known {
		if _, err := s.Load(ctx); err != nil {
			return err
		}
	}
	if journal.Rev != 0 && journal.Rev != s.rev {
		return cutover.ErrLost
	}
	if was := s.last; was != nil && journal.Rev == 0 {
		if err := s.file.remember(ctx, s.service, was.Record()); err != nil {
			return err
		}
	}
	next := *journal
	next.Rev = s.rev + 1
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := s.file.write(s.service, "json", data); err != nil {
		return err
	}
	journal.Rev, s.rev, s.last = next.Rev, next.Rev, &next
	return nil
}

func (s *fileSession) holds() bool {
	mine, err := s.lock.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(s.file.path(s.service, "lock"))
	return err == nil && os.SameFile(mine, there)
}

func (s *fileSession) lose() { s.loseOnce.Do(func() { close(s.lost) }) }

// Lost is closed when a Save finds that the lock is gone.
func (s *fileSession) Lost() <-chan struct{} { return s.lost }

// Left is Forever: flock(2) dies with its process and not before.
func (s *fileSession) Left() time.Duration { return cutover.Forever }

// Asked reads the request that another process left.
func (s *fileSession) Asked() (cutover.Request, bool) {
	var request cutover.Request
	data, err := os.ReadFile(s.file.path(s.service, "ask"))
	if err != nil || json.Unmarshal(data, &request) != nil {
		return cutover.Request{}, false
	}
	return request, true
}

// Close releases the lock. The lock file stays: removing it would let two owners in.
func (s *fileSession) Close() error { return s.lock.Close() }
