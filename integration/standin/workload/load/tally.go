package load

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// keptLosses is how many losses a summary describes; all are counted.
const keptLosses = 20

// Loss is one request without a complete and expected response.
type Loss struct {
	At      time.Time `json:"at"` // when it was due
	Method  string    `json:"method"`
	URL     string    `json:"url"`
	Status  int       `json:"status"` // 0: no complete response
	AfterMS float64   `json:"after_ms"`
	Error   string    `json:"error"`
}

// Summary is the account. Latencies count from the time at which a request was
// due, and leave out requests that are slow on purpose.
type Summary struct {
	Requests    int            `json:"requests"`
	Lost        int            `json:"lost"`
	Resets      int            `json:"resets"` // requests on connections that were closed while idle; only where Config.ResetsAt expects them
	Seconds     float64        `json:"seconds"`
	ByStatus    map[string]int `json:"by_status"` // "none": no complete response
	FirstLosses []Loss         `json:"first_losses"`
	P50MS       float64        `json:"p50_ms"`
	P99MS       float64        `json:"p99_ms"`
	MaxMS       float64        `json:"max_ms"`
	MaxLagMS    float64        `json:"max_lag_ms"` // how late the generator itself was at worst
	Slow        int            `json:"slow"`       // requests that are slow on purpose
	SlowMaxMS   float64        `json:"slow_max_ms"`
	Versions    map[string]int `json:"versions"`
}

type outcome struct {
	status    int
	version   string
	took, lag time.Duration
	slow      bool
	loss      *Loss
	reset     bool
}

type tally struct {
	mu           *sync.Mutex
	began, ended time.Time
	sum          Summary
	quick        []time.Duration
}

func newTally() tally {
	return tally{mu: &sync.Mutex{}, sum: Summary{ByStatus: map[string]int{}, Versions: map[string]int{}, FirstLosses: []Loss{}}}
}

func (t *tally) start(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began = at
}

func (t *tally) stop(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = at
}

func (t *tally) add(o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum.Requests++
	if o.status == 0 {
		t.sum.ByStatus["none"]++
	} else {
		t.sum.ByStatus[strconv.Itoa(o.status)]++
	}
	if o.version != "" {
		t.sum.Versions[o.version]++
	}
	t.sum.MaxLagMS = max(t.sum.MaxLagMS, ms(o.lag))
	if o.reset {
		t.sum.Resets++
		return
	}
	if o.loss != nil {
		t.sum.Lost++
		if len(t.sum.FirstLosses) < keptLosses {
			t.sum.FirstLosses = append(t.sum.FirstLosses, *o.loss)
		}
	}
	if o.slow {
		t.sum.Slow++
		t.sum.SlowMaxMS = max(t.sum.SlowMaxMS, ms(o.took))
		return
	}
	t.quick = append(t.quick, o.took)
}

func (t *tally) summary() Summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.sum
	out.ByStatus, out.Versions = maps.Clone(t.sum.ByStatus), maps.Clone(t.sum.Versions)
	out.FirstLosses = slices.Clone(t.sum.FirstLosses)
	if end := t.ended; !t.began.IsZero() {
		if end.IsZero() {
			end = time.Now()
		}
		out.Seconds = end.Sub(t.began).Seconds()
	}
	if len(t.quick) == 0 {
		return out
	}
	sorted := slices.Sorted(slices.Values(t.quick))
	out.P50MS, out.P99MS, out.MaxMS = ms(rank(sorted, 50)), ms(rank(sorted, 99)), ms(sorted[len(sorted)-1])
	return out
}

// rank is the nearest-rank percentile of a sorted, non-empty list.
func rank(sorted []time.Duration, percent int) time.Duration {
	return sorted[max((len(sorted)*percent+99)/100-1, 0)]
}

// ms is in milliseconds with two decimals.
func ms(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}
