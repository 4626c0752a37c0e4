package node

import (
	"io"
	"net/http"
)

// runtimeHandler serves a port for administration and API traffic. What belongs
// to the package WmAPIGateway is gone, with 404, once that package is disabled.
func (n *Node) runtimeHandler() http.Handler {
	gateway := http.NewServeMux()
	open := func(pattern string, h http.HandlerFunc) { gateway.HandleFunc(pattern, h) }
	admin := func(pattern string, h http.HandlerFunc) { gateway.HandleFunc(pattern, n.authorized(n.unlessFrozen(h))) }
	const rest = "/rest/apigateway"
	open("GET "+rest+"/health", n.getHealth)
	open("GET /metrics", n.getMetrics)
	open("/gateway/{api}/", n.serveAPI)
	open("/gateway/{api}", n.serveAPI)
	admin("GET "+rest+"/health/engine", n.getEngineHealth)
	admin("GET "+rest+"/is/cluster", n.getCluster)
	admin("GET "+rest+"/is/serverinfo", n.getServerInfo)
	admin("GET "+rest+"/ports", n.getPorts)
	admin("POST "+rest+"/ports", n.addPort)
	admin("DELETE "+rest+"/ports", n.deletePort)
	admin("PUT "+rest+"/ports/enable", n.enablePort)
	admin("PUT "+rest+"/ports/disable", n.disablePort)
	admin("GET "+rest+"/ports/{listenerKey}", n.getPort)
	admin("GET "+rest+"/quiescemode", n.getQuiesceMode)
	admin("PUT "+rest+"/quiescemode", n.putQuiesceMode)
	admin("POST "+rest+"/shutdown", n.postShutdown)
	admin("GET "+rest+"/webhooks", n.webhooks.list)
	admin("POST "+rest+"/webhooks", n.webhooks.create)
	admin("GET "+rest+"/webhooks/{id}", n.webhooks.get)
	admin("PUT "+rest+"/webhooks/{id}", n.webhooks.put)
	admin("DELETE "+rest+"/webhooks/{id}", n.webhooks.delete)
	// Assets, which the real product has many of: here only so that a write
	// during "block: designtime" has something to be refused by.
	admin(rest+"/apis", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{"apiResponse": []any{}})
	})

	all := http.NewServeMux()
	n.addServices(all)
	all.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if n.packageOff() {
			http.NotFound(w, r)
			return
		}
		gateway.ServeHTTP(w, r)
	})
	return n.whenStarted(all)
}

// diagnosticHandler serves port 9999: Integration Server's own services and what
// the tests of this repository ask. It stays open whatever the node's mode.
func (n *Node) diagnosticHandler() http.Handler {
	mux := http.NewServeMux()
	n.addServices(mux)
	mux.HandleFunc("GET /standin/counters", n.getCounters)
	mux.HandleFunc("PUT /standin/faults", n.putFaults)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "access denied on the diagnostic port", http.StatusForbidden)
	})
	return n.whenStarted(mux)
}

// putFaults changes the faults while the node runs; the body is what
// GATEWAY_FAULT takes.
func (n *Node) putFaults(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<10))
	if err == nil {
		err = n.cfg.Faults.Set(string(text))
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
	}
}
