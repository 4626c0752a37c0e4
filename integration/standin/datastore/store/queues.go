package store

import (
	"net/http"
	"slices"
	"time"
)

// queue is one serial queue of the messaging provider: over all consumers at
// most one message is in flight, and messages are delivered in order.
type queue struct {
	known     map[string]bool
	waiting   []*message
	flight    *delivery // nil: none
	processed []Processed
	serial    int
}

type message struct {
	id    string
	times int
}

type delivery struct {
	*message
	holder
	trigger string
	serial  int
}

// Processed is a message that was acknowledged. Times counts its deliveries, so
// that more than 1 says that somebody may have worked on it before.
type Processed struct {
	ID    string    `json:"id"`
	Node  string    `json:"node"`
	At    time.Time `json:"at"`
	Times int       `json:"times"`
}

// Queue is the answer to GET /queues/{queue}; Processed is in order.
type Queue struct {
	Waiting   int         `json:"waiting"`
	InFlight  int         `json:"in_flight"`
	Processed []Processed `json:"processed"`
}

// Take is the body of POST /queues/{queue}/take.
type Take struct {
	Node     string `json:"node"`
	Boot     string `json:"boot"`
	Trigger  string `json:"trigger"`
	ClientID string `json:"client_id"`
}

// Taken is its answer. Serial counts the deliveries of the queue.
type Taken struct {
	ID     string `json:"id"`
	Serial int    `json:"serial"`
}

// Done is the body of POST /queues/{queue}/ack and /release.
type Done struct {
	ID   string `json:"id"`
	Node string `json:"node"`
}

// find must be called with the lock held. It gives back what its holder has lost.
func (s *Store) find(name string) *queue {
	q := s.queues[name]
	if q == nil {
		q = &queue{known: map[string]bool{}, processed: []Processed{}}
		s.queues[name] = q
	}
	if q.flight != nil && !s.holds(q.flight.holder) {
		q.giveBack()
	}
	return q
}

// giveBack puts the message in flight at the front again.
func (q *queue) giveBack() {
	q.waiting = slices.Insert(q.waiting, 0, q.flight.message)
	q.flight = nil
}

// enqueue adds messages; an id that was seen before is ignored, so it may be
// repeated.
func (s *Store) enqueue(w http.ResponseWriter, r *http.Request) {
	var body struct {
		ID  string
		IDs []string
	}
	if !decode(w, r, &body) {
		return
	}
	if body.ID != "" {
		body.IDs = append(body.IDs, body.ID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.find(r.PathValue("queue"))
	for _, id := range body.IDs {
		if id != "" && !q.known[id] {
			q.known[id] = true
			q.waiting = append(q.waiting, &message{id: id})
		}
	}
}

// take delivers the next message, or answers 204. Asked again by the process
// that has the message in flight it answers the same one, so that an answer may
// get lost. 409: the client id belongs to another node.
func (s *Store) take(w http.ResponseWriter, r *http.Request) {
	var body Take
	if !decode(w, r, &body) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q, by := s.find(r.PathValue("queue")), holder{body.Node, body.Boot, s.now()}
	if !s.own(body.ClientID, by) {
		http.Error(w, "the client id is connected already", http.StatusConflict)
		return
	}
	switch {
	case q.flight != nil && q.flight.node == by.node && q.flight.boot == by.boot && q.flight.trigger == body.Trigger:
	case q.flight != nil || len(q.waiting) == 0:
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		q.serial++
		q.flight = &delivery{message: q.waiting[0], holder: by, trigger: body.Trigger, serial: q.serial}
		q.flight.times++
		q.waiting = q.waiting[1:]
	}
	reply(w, Taken{ID: q.flight.id, Serial: q.flight.serial})
}

// ack counts the message in flight as processed. 409: the node does not have it
// in flight, or no longer.
func (s *Store) ack(w http.ResponseWriter, r *http.Request) {
	s.finish(w, r, func(q *queue) {
		done := Processed{ID: q.flight.id, Node: q.flight.node, At: s.now(), Times: q.flight.times}
		q.processed = append(q.processed, done)
		q.flight = nil
	})
}

// release gives the message in flight back undone.
func (s *Store) release(w http.ResponseWriter, r *http.Request) {
	s.finish(w, r, (*queue).giveBack)
}

func (s *Store) finish(w http.ResponseWriter, r *http.Request, do func(*queue)) {
	var body Done
	if !decode(w, r, &body) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.find(r.PathValue("queue"))
	if q.flight == nil || q.flight.id != body.ID || q.flight.node != body.Node {
		http.Error(w, "the message is not in flight there", http.StatusConflict)
		return
	}
	do(q)
}

func (s *Store) getQueue(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.find(r.PathValue("queue"))
	out := Queue{Waiting: len(q.waiting), Processed: q.processed}
	if q.flight != nil {
		out.InFlight = 1
	}
	reply(w, out)
}
