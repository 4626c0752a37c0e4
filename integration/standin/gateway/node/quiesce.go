package node

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// quiesce is the node's mode. Two things are easily confused: Integration
// Server's quiesce mode closes ports and disables packages and can be left
// again; API Gateway's "block: all" does that after flushing what is in memory,
// and only a restart leads back.
type quiesce struct {
	mu         sync.Mutex
	portAlias  string // of the quiesce port; empty: not set
	designtime bool
	all        bool          // "block: all" has been accepted
	flush      []string      // what it flushes
	status     string        // of it; empty while in progress
	reason     string        // of a failure
	server     bool          // Integration Server is in quiesce mode
	left       chan struct{} // closed when that mode is left
}

// everything is what is flushed when a request does not say.
var everything = []string{"license_metrics", "performance_metrics", "subscription_quota"}

// quiesceMode is the body of PUT and GET /rest/apigateway/quiescemode. A null
// status means in progress.
type quiesceMode struct {
	Block         string   `json:"block"`
	Flush         []string `json:"flush,omitempty"`
	Enable        *bool    `json:"enable"`
	Status        *string  `json:"status"`
	FailureReason string   `json:"failureReason,omitempty"`
}

func (n *Node) getQuiesceMode(w http.ResponseWriter, _ *http.Request) {
	n.quiesce.mu.Lock()
	defer n.quiesce.mu.Unlock()
	q := &n.quiesce
	done, enabled := "success", q.designtime
	out := quiesceMode{Block: "designtime", Enable: &enabled, Status: &done}
	if q.all {
		enabled = true
		out = quiesceMode{Block: "all", Flush: q.flush, Enable: &enabled, FailureReason: q.reason}
		if q.status != "" {
			out.Status = &q.status
		}
	}
	reply(w, http.StatusOK, out)
}

func (n *Node) putQuiesceMode(w http.ResponseWriter, r *http.Request) {
	var body quiesceMode
	if !decode(w, r, &body) {
		return
	}
	if body.Enable == nil {
		refuse(w, http.StatusBadRequest, "enable is required")
		return
	}
	switch body.Block {
	case "designtime":
		n.setDesigntime(w, body)
	case "all":
		n.startQuiesceAll(w, body)
	default:
		refuse(w, http.StatusBadRequest, "block must be designtime or all")
	}
}

func (n *Node) setDesigntime(w http.ResponseWriter, body quiesceMode) {
	n.quiesce.mu.Lock()
	defer n.quiesce.mu.Unlock()
	if n.quiesce.designtime == *body.Enable {
		refuse(w, http.StatusConflict, "the quiesce mode is already in effect")
		return
	}
	n.quiesce.designtime = *body.Enable
	done := "success"
	reply(w, http.StatusOK, quiesceMode{Block: body.Block, Enable: body.Enable, Status: &done})
	if *body.Enable {
		n.webhooks.send("migration:quiesce:designtime:completed")
	}
}

// startQuiesceAll only starts the operation. Its end shows in the health on the
// quiesce port, which answers 200 until the package is disabled.
func (n *Node) startQuiesceAll(w http.ResponseWriter, body quiesceMode) {
	if !*body.Enable {
		refuse(w, http.StatusBadRequest, "block all cannot be disabled: restart the server")
		return
	}
	flush := body.Flush
	if flush == nil {
		flush = everything
	}
	for _, item := range flush {
		if !slices.Contains(everything, item) {
			refuse(w, http.StatusBadRequest, "flush does not know %q", item)
			return
		}
	}
	if n.cfg.Faults.has(QuiesceRefused) {
		refuse(w, http.StatusInternalServerError, "fault %s", QuiesceRefused)
		return
	}
	if err := n.checkQuiescePort(); err != nil {
		refuse(w, http.StatusInternalServerError, "%v", err)
		return
	}
	if !n.claimQuiesceAll(flush) {
		refuse(w, http.StatusConflict, "the quiesce mode is already in effect")
		return
	}
	reply(w, http.StatusOK, quiesceMode{Block: "all", Flush: flush, Enable: body.Enable})
	n.background.do(func(ctx context.Context) { n.quiesceAll(ctx, flush, n.spreadQuiesce) })
}

// quiesceAll closes the ports, lets requests in progress finish, flushes, calls
// flushed, and then disables the package.
func (n *Node) quiesceAll(ctx context.Context, flush []string, flushed func(context.Context)) {
	if n.cfg.Faults.has(WebhookEarly) {
		n.webhooks.send(quiesceAllCompleted)
	}
	waitForPorts, _ := n.beginQuiesce()
	if n.cfg.Faults.has(QuiesceHangs) {
		return
	}
	finished, cancel := context.WithTimeout(ctx, 2*longestSleep)
	defer cancel()
	err := waitForPorts(finished)
	select {
	case <-n.activity.whenIdle():
	case <-finished.Done():
	}
	pause := time.NewTimer(n.cfg.QuiesceTime) // what this node takes for it
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
		return
	}
	if n.cfg.Faults.has(CrashInFlush) {
		n.askToEnd(ending{Exit: Exit{Code: 134}, abrupt: true})
		return
	}
	taken := n.counters.take(flush)
	if n.cfg.Faults.has(FlushFails) {
		err = errors.New("fault " + FlushFails)
	} else if err == nil {
		err = n.cluster.flush(ctx, taken)
	}
	if err == nil {
		flushed(ctx)
	}
	n.quiesce.mu.Lock()
	defer n.quiesce.mu.Unlock()
	if err != nil {
		n.counters.putBack(taken)
		n.quiesce.status, n.quiesce.reason = "failure", err.Error()
		n.cfg.Logf("quiesce all: %v", err)
		return
	}
	n.quiesce.status = "success"
	n.packages.disableAll()
	n.cfg.Logf("quiesce all: flushed %d transactions", taken.Transactions)
	if !n.cfg.Faults.has(WebhookEarly) {
		n.webhooks.send(quiesceAllCompleted)
	}
}

const quiesceAllCompleted = "migration:quiesce:all:completed"

// unlessFrozen refuses writes with 503 while "block: designtime" is in effect.
// Documented to pass: every GET, quiescemode, search. Shutdown and ports pass
// too, because the vendor's tutorials call them after it.
func (n *Node) unlessFrozen(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/rest/apigateway")
		ports := strings.HasPrefix(path, "/ports") && !n.cfg.Faults.has(DesigntimeBlocksPorts)
		pass := r.Method == http.MethodGet || path == "/quiescemode" || path == "/search" || path == "/shutdown" || ports
		n.quiesce.mu.Lock()
		frozen := n.quiesce.designtime
		n.quiesce.mu.Unlock()
		if frozen && !pass {
			refuse(w, http.StatusServiceUnavailable, "the server is in quiesce mode for design time")
			return
		}
		next(w, r)
	}
}
