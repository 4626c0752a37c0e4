package sim_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/cutover/cutover/cutover"
)

// store keeps one journal and one lock: either a file, whose lock dies with its process and can't be had from elsewhere,
// or one with leases, as Consul has.
type store struct {
	*world
	leased  bool
	ttl     time.Duration
	holder  *session
	expires time.Time // of the lease
	free    time.Time // after a lease is over nobody gets the lock for a while
	stored  *cutover.Journal
}

var errLocked = errors.New("locked")

// acquire takes the lock, or says that it is held.
func (s *store) acquire(p *proc) (*session, error) {
	p.moment()
	if s.leased && !s.consul.up {
		return nil, errors.New("the store can't be reached")
	}
	if h := s.holder; h != nil {
		ownerIsGone := h.p.over && h.p.machine == p.machine
		if !ownerIsGone && (!s.leased || time.Now().Before(s.expires) || time.Now().Before(s.free)) {
			return nil, errLocked
		}
		h.gone = true
	}
	s.holder = &session{store: s, p: p, lost: make(chan struct{}), confirmed: time.Now()}
	s.renewed()
	if s.leased {
		s.holder.renewSoon()
	}
	s.say("%s has the lock", p.name)
	return s.holder, nil
}

func (s *store) renewed() {
	s.expires = time.Now().Add(s.ttl)
	s.free = s.expires.Add(s.ttl / 2)
}

// lose ends the lease behind its holder's back.
func (s *store) lose() {
	if s.holder != nil && s.leased {
		s.expires = time.Now()
		s.free = s.expires.Add(s.ttl * 3 / 2) // the holder may not know before its own lease is over
	}
}

// session is a held lock.
type session struct {
	*store
	p         *proc
	lost      chan struct{}
	closed    bool
	heard     int       // from which Wait of the process on it must know that the lock is gone; 0: it need not
	gone      bool      // somebody else has had the lock since
	confirmed time.Time // when the last renewal that was confirmed was sent
	asked     *cutover.Request
	rev       uint64
	last      cutover.Journal // as it was saved last
}

// renewSoon renews for as long as the process lives; while it is paused nothing is renewed.
func (s *session) renewSoon() {
	s.after(s.ttl/3, func() {
		if s.p.over || s.closed {
			return
		}
		if left := time.Until(s.p.paused); left > 0 {
			s.after(left+s.between(0, time.Millisecond), s.renew)
			return
		}
		s.renew()
	})
}

func (s *session) renew() {
	switch {
	case s.p.over || s.closed:
		return
	case !s.consul.up: // not confirmed
	case !s.holds():
		s.say("%s hears that the lock is gone", s.p.name)
		close(s.lost)
		s.closed, s.heard = true, s.p.waits+1
		if s.p.sleeping {
			s.heard = s.p.waits
		}
		s.p.poke()
		return
	case s.strikes("renewal lost", s.trouble):
	default:
		s.confirmed = time.Now()
		s.renewed()
	}
	s.renewSoon()
}

func (s *session) holds() bool {
	return s.holder == s && !s.gone && (!s.leased || time.Now().Before(s.expires))
}

func (s *session) load(p *proc) (*cutover.Journal, error) {
	if s.leased && !s.consul.up {
		return nil, errors.New("the store can't be reached")
	}
	if s.stored == nil {
		return nil, nil
	}
	data, err := json.Marshal(s.stored)
	if err != nil {
		return nil, err
	}
	var journal cutover.Journal
	if err := json.Unmarshal(data, &journal); err != nil {
		return nil, err
	}
	s.rev, s.last = journal.Rev, journal
	p.say("%s loads revision %d", p.name, journal.Rev)
	return &journal, journal.Check()
}

// Load is not used by the runner.
func (s *session) Load(context.Context) (*cutover.Journal, error) { return s.load(s.p) }

// Save stores the journal if the lock is held and nobody has written since.
func (s *session) Save(ctx context.Context, journal *cutover.Journal) error {
	next := *journal
	next.Rev = s.rev + 1
	next.History, next.Warnings = slices.Clone(journal.History), slices.Clone(journal.Warnings)
	land := func() error {
		var stored uint64
		if s.stored != nil {
			stored = s.stored.Rev
		}
		switch {
		case s.leased && !s.consul.up:
			return errors.New("the store can't be reached")
		case !s.holds() || stored != s.rev:
			return cutover.ErrLost
		case s.strikes("save failed", s.trouble/4):
			return errors.New("no space left on device")
		}
		s.stored = &next
		return nil
	}
	if err := s.p.ask(ctx, "store", s.p.name+" saves", false, land); err != nil {
		return err
	}
	journal.Rev, s.rev, s.last = next.Rev, next.Rev, next
	return nil
}

// Lost is closed when a renewal was refused.
func (s *session) Lost() <-chan struct{} { return s.lost }

// Left is what is left of the lease for certain. The process can be paused right after it has been told.
func (s *session) Left() time.Duration {
	if !s.leased {
		return cutover.Forever
	}
	left := time.Until(s.confirmed.Add(s.ttl))
	s.p.moment()
	return left
}

// Asked is what another terminal has asked for.
func (s *session) Asked() (cutover.Request, bool) {
	if s.asked == nil {
		return cutover.Request{}, false
	}
	return *s.asked, true
}

// Close gives the lock back.
func (s *session) Close() error {
	s.closed = true
	if s.holds() {
		s.holder = nil
	}
	return nil
}
