package node

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// activity is what runs on the node: requests of APIs, trigger services and
// scheduled tasks, by the name of the service. wm.server.* is not counted, as
// in the real product.
type activity struct {
	mu      sync.Mutex
	byName  map[string]*serviceCount
	running int64
	idle    chan struct{} // closed while nothing runs
}

type serviceCount struct {
	running, total int64
	last           time.Time
}

func newActivity() *activity {
	a := &activity{byName: map[string]*serviceCount{}, idle: make(chan struct{})}
	close(a.idle)
	return a
}

func (a *activity) begin(service string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running == 0 {
		a.idle = make(chan struct{})
	}
	a.running++
	count := a.byName[service]
	if count == nil {
		count = &serviceCount{}
		a.byName[service] = count
	}
	count.running++
	count.total++
	count.last = time.Now()
}

func (a *activity) end(service string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byName[service].running--
	if a.running--; a.running == 0 {
		close(a.idle)
	}
}

// whenIdle returns a channel that is closed once nothing runs.
func (a *activity) whenIdle() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.idle
}

func (a *activity) count() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.running
}

// runningNow names the services that run, in order.
func (a *activity) runningNow() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for name, count := range a.byName {
		if count.running > 0 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// nothing is what the real product answers in place of a count of 0: the
// administration pages print it as it is.
const nothing = "&nbsp;"

// getServiceStats is wm.server.query:getServiceStats. Counts are text, and
// sRunning of a service that does not run is "&nbsp;".
func (n *Node) getServiceStats(map[string]string) map[string]any {
	a := n.activity
	a.mu.Lock()
	defer a.mu.Unlock()
	stats := []map[string]string{}
	for name, count := range a.byName {
		folder, service, _ := strings.Cut(name, ":")
		running := nothing
		if count.running > 0 {
			running = strconv.FormatInt(count.running, 10)
		}
		stats = append(stats, map[string]string{
			"name": name, "ifc": folder, "svc": service, "sRunning": running,
			"sAccessTotal": strconv.FormatInt(count.total, 10), "sAccessLast": count.last.Format(time.DateTime),
			"isCached": "N", "isPrefetched": "N",
		})
	}
	slices.SortFunc(stats, func(x, y map[string]string) int { return cmp.Compare(x["name"], y["name"]) })
	return map[string]any{"SvcStats": stats}
}
