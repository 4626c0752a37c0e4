package node

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// longestSleep bounds the sleep parameter, so that a node can always be stopped.
const longestSleep = time.Minute

// serveAPI answers /gateway/{api}/…: a GET with one line, a POST with its own
// body. ?sleep=3s holds the response. A request counts when it is done, whether
// or not its client has waited for it.
func (n *Node) serveAPI(w http.ResponseWriter, r *http.Request) {
	if portOf(r) == n.quiescePortKey() && n.isQuiescing() {
		// The other ports are closed by now: what still comes from them was in progress.
		http.Error(w, "the server is being quiesced", http.StatusServiceUnavailable)
		return
	}
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		echoSocket(w, r)
		return
	}
	if r.Header.Get("Accept") == "text/event-stream" {
		n.sendEvents(w, r)
		return
	}
	service := r.PathValue("api") + ":serve"
	n.activity.begin(service)
	defer n.activity.end(service) // after it is counted, so that an idle node has counted all
	n.counters.begin(time.Now())
	defer n.counters.end(r.PathValue("api"))
	w.Header().Set("X-Version", n.cfg.Version)
	w.Header().Set("X-Node", n.cfg.Name)
	var body []byte
	if r.Method == http.MethodPost {
		var err error
		if body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, 8<<20)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	} else {
		body = fmt.Appendf(nil, "%s answers for %s\n", n.cfg.Name, r.PathValue("api"))
	}
	if text := r.URL.Query().Get("sleep"); text != "" {
		pause, err := time.ParseDuration(text)
		if err != nil || pause < 0 || pause > longestSleep {
			http.Error(w, "sleep must be a duration of at most "+longestSleep.String(), http.StatusBadRequest)
			return
		}
		<-time.After(pause) // what the client asked for
	}
	_, _ = w.Write(body) // a client that is gone is the client's affair
}
