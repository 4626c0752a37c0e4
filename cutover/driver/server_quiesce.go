package driver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cutover/cutover/cutover"
)

// quiesceCall is a request to quiesce that a server may take minutes to answer: it waits for running services before it
// disables packages.
type quiesceCall struct {
	life  string
	began time.Time
	ended chan struct{} // closed when there is an answer, or none can come
	err   error         // why it was refused, or silent
}

func (c *quiesceCall) over() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// answered reports whether the server has said how it ended. Quiescing closes the port on which it was asked, so that the
// answer may never come.
func (c *quiesceCall) answered() bool { return c.over() && !Silent(c.err) }

// beginQuiesce asks Integration Server to quiesce and does not wait for its answer, which comes when services have
// finished or the minutes are over. A request that was refused, or that nobody took, is made again. It may be repeated.
func (s *Server) beginQuiesce(ctx context.Context, target string, place cutover.Place, minutes int) error {
	if mode, err := s.mode(ctx, place); err == nil && mode == modeQuiesce {
		return nil
	}
	if c := s.calls[target]; c != nil && c.life == place.Life {
		if !c.over() {
			return nil
		}
		if c.err != nil {
			delete(s.calls, target)
			return fmt.Errorf("quiesce %s: %w", target, c.err)
		}
	}
	admin, err := s.at(place, s.AdminPort)
	if err != nil {
		return cutover.Permanent(fmt.Errorf("quiesce %s: %w", target, err))
	}
	c := &quiesceCall{life: place.Life, began: s.Now(), ended: make(chan struct{})}
	s.calls[target] = c
	// The server goes on with it whether or not anybody waits, so it must not end with this one request.
	limit := takes(minutes)
	waiting, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), limit, fmt.Errorf("no answer to setQuiesceMode within %s", limit))
	go func() {
		defer cancel()
		defer close(c.ended)
		c.err = s.setQuiesceMode(waiting, admin, minutes)
	}()
	return nil
}

// takes is how long a server may take for quiescing: the minutes for services, and some time for its packages.
func takes(minutes int) time.Duration { return time.Duration(minutes)*time.Minute + time.Minute }

// setQuiesceMode blocks until the server has answered.
func (s *Server) setQuiesceMode(ctx context.Context, admin endpoint, minutes int) error {
	var said quiesceReport
	err := call(ctx, admin, "wm.server.quiesce:setQuiesceMode", map[string]string{"timeout": fmt.Sprint(minutes), "isQuiesceMode": "true"}, &said)
	if errors.Is(err, errMissing) {
		return s.adminAction(ctx, admin, "quiesce")
	}
	if err != nil {
		return err
	}
	return said.refused()
}

// quiesceReport is what setQuiesceMode and setActiveMode answer.
type quiesceReport struct {
	Message loose `json:"message"`
	Status  loose `json:"status"`
	Report  []struct {
		Type    loose `json:"type"`
		Status  loose `json:"status"`
		Message loose `json:"message"`
	} `json:"report"`
}

// refused says why nothing was done, or what was not. The message INVALID stands for a quiesce port that is not set,
// disabled, suspended or not allowed.
func (r quiesceReport) refused() error {
	if strings.EqualFold(string(r.Message), "INVALID") {
		return errors.New("INVALID: the quiesce port must be set, enabled, not suspended, with access mode allow")
	}
	var failed []string
	for _, entry := range r.Report {
		if status := strings.ToLower(string(entry.Status)); status == "false" || status == "failure" || status == "error" {
			failed = append(failed, string(entry.Type)+": "+string(entry.Message))
		}
	}
	if r.Status == "false" || len(failed) > 0 {
		return fmt.Errorf("%s %s", r.Message, strings.Join(failed, "; "))
	}
	return nil
}

// call calls a service on one port only, and waits for as long as its context allows: asked on several ports, it would
// be done several times.
func call(ctx context.Context, at endpoint, service string, in, out any) error {
	got, err := at.call(ctx, http.MethodPost, "/invoke/"+strings.ReplaceAll(service, ":", "/"), in)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", service, silentError{errors.New(brief(err))})
	case got.status == http.StatusUnauthorized:
		return cutover.Permanent(fmt.Errorf("%s: %w", service, errCredentials))
	case got.status == http.StatusNotFound, got.status == http.StatusForbidden:
		return fmt.Errorf("%s: %w", service, errMissing)
	case got.status != http.StatusOK:
		return fmt.Errorf("%s: %s", service, got.why())
	case out == nil:
		return nil
	}
	return got.decode(out)
}

// setActiveMode takes Integration Server back to work; unlike API Gateway's quiesce-all this can be done. It blocks until
// the server has answered, which enables its packages first.
func (s *Server) setActiveMode(ctx context.Context, place cutover.Place) error {
	at, err := s.survivor(ctx, place)
	if err != nil {
		return err
	}
	var said quiesceReport
	err = call(ctx, at, "wm.server.quiesce:setActiveMode", struct{}{}, &said)
	if errors.Is(err, errMissing) {
		return s.adminAction(ctx, at, "exitQuiesce")
	}
	if err != nil {
		return err
	}
	return said.refused()
}

// mayStillQuiesce reports whether a request to quiesce could still take effect: one whose answer is not there yet, for as
// long as the server may take for it, also when another process made it.
func (s *Server) mayStillQuiesce(target string, place cutover.Place, minutes int) bool {
	since := s.Containers.QuiescedAt(target)
	if c := s.calls[target]; c != nil && c.life == place.Life {
		if c.answered() {
			return false
		}
		since.At = c.began
	} else if !s.quiescedNow(target, place) {
		return false
	}
	now := s.Now()
	if since.At.After(now) { // the clock was set back: it is counted from now on
		if s.ahead[target].IsZero() {
			s.ahead[target] = now
		}
		since.At = s.ahead[target]
	}
	return now.Before(since.At.Add(takes(minutes)))
}
