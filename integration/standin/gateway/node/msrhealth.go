package node

import (
	"net/http"
	"time"
)

// addMicroservicesHealth adds the health gauge of Microservices Runtime. Its
// services are wm.server.healthindicators:*, so it goes on answering in quiesce
// mode.
func (n *Node) addMicroservicesHealth(mux *http.ServeMux) {
	for _, path := range []string{"/health", "/health/readiness", "/health/liveness"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			if n.cfg.Faults.has(HealthNeedsPassword) {
				n.authorized(n.getIndicators)(w, r)
				return
			}
			n.getIndicators(w, r)
		})
	}
}

// getIndicators answers 200 when every indicator is UP, or else 503, with one
// entry for each in either case. What is in an entry is not documented.
func (n *Node) getIndicators(w http.ResponseWriter, _ *http.Request) {
	up := map[string]bool{
		"Diskspace": true, "Memory": n.healthy(), "ServiceThread": true,
		"JMS": !n.cfg.Faults.has(EngineRed) && time.Since(n.readyAt()) >= n.cfg.EngineDelay,
	}
	if n.clusterAware() {
		members, joined := n.cluster.state()
		up["Cluster"] = n.clustered() && joined && members.HealthyNodes >= 2
	}
	code, entries := http.StatusOK, map[string]any{} // JSON objects are written in ASCII order
	for name, ok := range up {
		status := "UP"
		if !ok {
			status, code = "DOWN", http.StatusServiceUnavailable
		}
		entries[name] = map[string]string{"status": status}
	}
	reply(w, code, entries)
}
