package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// postShutdown is POST /rest/apigateway/shutdown. It answers and then ends the
// process; the response's timeout is a string although the request's is a number.
func (n *Node) postShutdown(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Option  string
		Timeout loose // minutes
		Bounce  bool
		Quiesce bool
	}
	if !decode(w, r, &body) {
		return
	}
	if err := n.shutdown(body.Option, string(body.Timeout), body.Bounce, body.Quiesce); err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	reply(w, http.StatusOK, map[string]any{
		"bounce": body.Bounce, "option": body.Option, "timeout": string(body.Timeout), "quiesce": body.Quiesce,
		"message": "Server shutdown is in progress.",
	})
}

// invokeShutdown is wm.server.admin:shutdown, which says yes and no. Option
// cancel is cancelPendingShutdown.
func (n *Node) invokeShutdown(in map[string]string) map[string]any {
	if in["option"] == "cancel" {
		return n.cancelPendingShutdown(in)
	}
	said := func(key string) bool { return in[key] == "yes" || in[key] == "true" }
	err := n.shutdown(in["option"], in["timeout"], said("bounce"), said("quiesce"))
	if errors.Is(err, errNoQuiescePort) {
		return map[string]any{"message": "INVALID"}
	}
	if err != nil {
		return map[string]any{"message": err.Error()}
	}
	return map[string]any{"message": "Server shutdown is in progress."}
}

// errNoQuiescePort is what wm.server.admin:shutdown calls INVALID.
var errNoQuiescePort = errors.New("a restart in quiesce mode needs a valid quiesce port")

// shutdown ends the process in the background: "force" cuts requests off,
// "drain" waits for what runs up to that many minutes, with the ports still open.
// With quiesce, what is in memory is flushed first and the next start of this
// file system comes up in quiesce mode. A later call takes the place of one that
// waits.
func (n *Node) shutdown(option, minutes string, bounce, quiesce bool) error {
	var wait time.Duration
	switch option {
	case "force":
	case "drain":
		number, err := strconv.Atoi(minutes)
		if err != nil || number < 0 {
			return fmt.Errorf("option drain needs a timeout in minutes, not %q", minutes)
		}
		wait = time.Duration(number) * time.Minute
	default:
		return fmt.Errorf("option must be force or drain, not %q", option)
	}
	if quiesce {
		if err := n.checkQuiescePort(); err != nil {
			return fmt.Errorf("%w: %w", errNoQuiescePort, err)
		}
		if err := os.WriteFile(n.quiesceMarker(), nil, 0o600); err != nil {
			return fmt.Errorf("shutdown into quiesce mode: %w", err)
		}
	}
	cancelled := n.pending.begin(bounce)
	n.consumers.hold(true)
	n.background.do(func(ctx context.Context) {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-n.activity.whenIdle():
		case <-timer.C:
		case <-cancelled:
			return
		case <-ctx.Done():
			return
		}
		if quiesce {
			n.quiesceAll(ctx, everything, func(context.Context) {})
		}
		n.askToEnd(ending{Exit: Exit{Bounce: bounce}, drain: time.Second})
	})
	return nil
}

// pendingShutdown is the shutdown that waits, if any.
type pendingShutdown struct {
	mu     sync.Mutex
	cancel chan struct{} // nil: none
	bounce bool
}

func (p *pendingShutdown) begin(bounce bool) (cancelled <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel != nil {
		close(p.cancel)
	}
	p.cancel, p.bounce = make(chan struct{}), bounce
	return p.cancel
}

// stop tells whether there was one to cancel.
func (p *pendingShutdown) stop() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel == nil {
		return false
	}
	close(p.cancel)
	p.cancel = nil
	return true
}

func (n *Node) listPendingShutdown(map[string]string) map[string]any {
	n.pending.mu.Lock()
	defer n.pending.mu.Unlock()
	if n.pending.cancel == nil {
		return map[string]any{}
	}
	kind := "shutdown"
	if n.pending.bounce {
		kind = "bounce"
	}
	return map[string]any{"shutdownRestart": "true", "shutdownRestartType": kind}
}

func (n *Node) cancelPendingShutdown(map[string]string) map[string]any {
	if !n.pending.stop() {
		return map[string]any{"message": "No shutdown is pending"}
	}
	n.consumers.hold(false)
	_ = os.Remove(n.quiesceMarker()) // it is there only if that shutdown was to quiesce
	return map[string]any{"message": "The pending shutdown is cancelled"}
}

func (n *Node) quiesceMarker() string {
	return filepath.Join(n.cfg.Home, "config", "start-in-quiesce")
}

// startsQuiesced tells once whether the last shutdown asked for it.
func (n *Node) startsQuiesced() bool {
	return os.Remove(n.quiesceMarker()) == nil
}
