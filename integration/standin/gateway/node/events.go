package node

import (
	"fmt"
	"net/http"
	"time"
)

// eventInterval is the time between two events of a stream.
const eventInterval = 100 * time.Millisecond

// sendEvents sends server-sent events (HTML standard, "Server-sent events") for as long as the client listens and the node
// lives. It is no transaction; quiescing waits for it as for any request, though it does not end.
func (n *Node) sendEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Node", n.cfg.Name)
	stream := http.NewResponseController(w)
	tick := time.NewTicker(eventInterval)
	defer tick.Stop()
	for i := 1; ; i++ {
		if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", i, n.cfg.Name); err != nil {
			return
		}
		if err := stream.Flush(); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-n.gone:
			return
		}
	}
}
