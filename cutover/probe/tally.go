package probe

import (
	"maps"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Summary is what a probe found. Before and During are split by the moment at which a request was sent.
type Summary struct {
	Requests int64            `json:"requests"`
	Lost     int64            `json:"lost"`
	Resent   int64            `json:"resent,omitempty"` // met the end of an idle connection, and were answered on another one
	Before   Latency          `json:"before"`
	During   Latency          `json:"during"`
	Versions map[string]int64 `json:"versions"`
	Losses   []Loss           `json:"losses,omitempty"` // the first of them
}

// Latency is of complete answers, in milliseconds.
type Latency struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

// Loss is one lost request.
type Loss struct {
	At      time.Time `json:"at"` // when it was lost
	Request string    `json:"request"`
	Status  int       `json:"status,omitempty"`
	Why     string    `json:"why"`
	Step    string    `json:"step,omitempty"`
}

const lossesKept = 100

type phase int

const (
	before phase = iota
	during
)

// tally counts; its size does not grow with the number of requests.
type tally struct {
	mu       sync.Mutex
	now      phase
	requests int64
	lost     int64
	resent   int64
	times    [2]*hdrhistogram.Histogram // in microseconds
	versions map[string]int64
	statuses []map[int]bool // of each request, seen before
	ended    []bool         // of each request: one has been answered, or lost
	losses   []Loss
	first    *Loss // of those sent during the cutover
}

func newTally(requests int) *tally {
	t := &tally{versions: map[string]int64{}, statuses: make([]map[int]bool, requests), ended: make([]bool, requests)}
	for i := range t.times {
		t.times[i] = hdrhistogram.New(1, int64(5*time.Minute/time.Microsecond), 3)
	}
	for i := range t.statuses {
		t.statuses[i] = map[int]bool{}
	}
	return t
}

func (t *tally) begin() phase {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests++
	return t.now
}

// known says whether a status was seen in the warm-up; one seen now, while it lasts, is known from now on. When the
// request was sent does not matter: an answer that comes after the cutover has begun may be its doing.
func (t *tally) known(request, status int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == before {
		t.statuses[request][status] = true
	}
	return t.statuses[request][status]
}

func (t *tally) answered(request int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended[request]
}

func (t *tally) mark() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = during
}

func (t *tally) end(sent phase, index int, request Request, r result, step string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended[index] = true
	if r.err != nil {
		t.lost++
		if sent == during && t.first == nil {
			t.first = &Loss{At: time.Now(), Request: request.String(), Status: r.status, Why: r.err.Error(), Step: step}
		}
		if len(t.losses) < lossesKept {
			t.losses = append(t.losses, Loss{At: time.Now(), Request: request.String(), Status: r.status, Why: r.err.Error(), Step: step})
		}
		return
	}
	if r.resent {
		t.resent++
	}
	if r.version != "" {
		t.versions[r.version]++
	}
	_ = t.times[sent].RecordValue(r.took.Microseconds()) // out of range only beyond any time-out
}

func (t *tally) firstLoss() (Loss, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first == nil {
		return Loss{}, false
	}
	return *t.first, true
}

func (t *tally) summary() Summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Summary{
		Requests: t.requests, Lost: t.lost, Resent: t.resent, Before: latency(t.times[before]), During: latency(t.times[during]),
		Versions: maps.Clone(t.versions), Losses: append([]Loss(nil), t.losses...),
	}
}

func latency(h *hdrhistogram.Histogram) Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	ms := func(us int64) float64 { return float64(us) / 1000 }
	return Latency{P50: ms(h.ValueAtQuantile(50)), P99: ms(h.ValueAtQuantile(99)), Max: ms(h.Max())}
}
