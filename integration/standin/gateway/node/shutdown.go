package node

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
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

// invokeShutdown is wm.server.admin:shutdown, which says yes and no.
func (n *Node) invokeShutdown(in map[string]string) map[string]any {
	if err := n.shutdown(in["option"], in["timeout"], in["bounce"] == "yes", in["quiesce"] == "yes"); err != nil {
		return map[string]any{"message": err.Error()}
	}
	return map[string]any{"message": "Server shutdown is in progress."}
}

// shutdown ends the process in the background: "force" cuts requests off,
// "drain" waits for them up to that many minutes, with the ports still open.
// With quiesce, what is in memory is flushed first and the next start of this
// file system comes up in quiesce mode.
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
		if err := os.WriteFile(n.quiesceMarker(), nil, 0o600); err != nil {
			return fmt.Errorf("shutdown into quiesce mode: %w", err)
		}
	}
	go func() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-n.counters.whenIdle():
		case <-timer.C:
		}
		if quiesce {
			n.quiesceAll(everything)
		}
		n.askToEnd(ending{Exit: Exit{Bounce: bounce}, drain: time.Second})
	}()
	return nil
}

func (n *Node) quiesceMarker() string {
	return filepath.Join(n.cfg.Home, "config", "start-in-quiesce")
}

// startsQuiesced tells once whether the last shutdown asked for it.
func (n *Node) startsQuiesced() bool {
	return os.Remove(n.quiesceMarker()) == nil
}
