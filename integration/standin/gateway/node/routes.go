package node

import (
	"io"
	"net/http"
	"slices"
	"strings"
)

// runtimeHandler serves a port for administration and traffic. What belongs to a
// package is gone, with 404, once that package is disabled.
func (n *Node) runtimeHandler() http.Handler {
	gateway, apis := n.gatewayHandler(), http.NewServeMux()
	apis.HandleFunc("GET /metrics", n.getMetrics)
	apis.HandleFunc("/gateway/{api}/", n.serveAPI)
	apis.HandleFunc("/gateway/{api}", n.serveAPI)

	all := http.NewServeMux()
	n.addServices(all)
	n.addWmAdmin(all)
	if n.isMicroservices() {
		n.addMicroservicesHealth(all)
	}
	all.HandleFunc(rest+"/", func(w http.ResponseWriter, r *http.Request) {
		if n.restGone(r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		gateway.ServeHTTP(w, r)
	})
	all.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if n.packages.quiesced() || n.hasGateway() && !n.packages.enabled("WmAPIGateway") {
			http.NotFound(w, r)
			return
		}
		apis.ServeHTTP(w, r)
	})
	return n.whenStarted(all)
}

const rest = "/rest/apigateway"

// restGone tells whether the package WmAPIGateway does not serve this path.
func (n *Node) restGone(path string) bool {
	if !n.hasGateway() {
		return true
	}
	if n.cfg.Faults.has(QuiesceModeMissing) && slices.ContainsFunc(sinceFix, func(p string) bool { return strings.HasPrefix(path, rest+p) }) {
		return true
	}
	survives := path == rest+"/shutdown" && n.packages.quiesced() && n.cfg.Faults.has(ShutdownSurvives)
	return !n.packages.enabled("WmAPIGateway") && !survives
}

// sinceFix is what 10.5 has only with a fix.
var sinceFix = []string{"/quiescemode", "/shutdown", "/webhooks", "/migration"}

// gatewayHandler serves what the package WmAPIGateway has.
func (n *Node) gatewayHandler() http.Handler {
	mux := http.NewServeMux()
	user := func(pattern string, h http.HandlerFunc) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+rest+path, n.authorized(n.unlessFrozen(h)))
	}
	admin := func(pattern string, h http.HandlerFunc) { user(pattern, n.privileged(h)) }
	mux.HandleFunc("GET "+rest+"/health", n.getHealth)
	user("GET /health/engine", n.getEngineHealth)
	user("GET /health/admin", n.getAdminHealth)
	admin("GET /health/externalServices", n.getExternalHealth)
	admin("GET /health/all", n.getAllHealth)
	admin("GET /is/cluster", n.getCluster)
	admin("GET /is/serverinfo", n.getServerInfo)
	admin("GET /is/license", n.getLicense)
	admin("GET /ports", n.getPorts)
	admin("POST /ports", n.addPort)
	admin("DELETE /ports", n.deletePort)
	admin("PUT /ports/enable", n.enablePort)
	admin("PUT /ports/disable", n.disablePort)
	admin("GET /ports/{listenerKey}", n.getPort)
	admin("GET /quiescemode", n.getQuiesceMode)
	admin("PUT /quiescemode", n.putQuiesceMode)
	admin("POST /migration", n.postMigration)
	admin("GET /migration/status", n.getMigrationStatus)
	admin("POST /shutdown", n.postShutdown)
	admin("GET /webhooks", n.webhooks.list)
	admin("POST /webhooks", n.webhooks.create)
	admin("GET /webhooks/{id}", n.webhooks.get)
	admin("PUT /webhooks/{id}", n.webhooks.put)
	admin("DELETE /webhooks/{id}", n.webhooks.delete)
	// Assets, which the real product has many of: here only so that a write
	// during "block: designtime" has something to be refused by.
	mux.HandleFunc(rest+"/apis", n.authorized(n.unlessFrozen(func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{"apiResponse": []any{}})
	})))
	return mux
}

// diagnosticHandler serves port 9999: Integration Server's own services and what
// the tests of this repository ask. It stays open whatever the node's mode.
func (n *Node) diagnosticHandler() http.Handler {
	mux := http.NewServeMux()
	n.addServices(mux)
	n.addWmAdmin(mux)
	mux.HandleFunc("GET /standin/counters", n.getCounters)
	mux.HandleFunc("PUT /standin/faults", n.putFaults)
	mux.HandleFunc("GET /standin/ca.pem", n.getCA)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "access denied on the diagnostic port", http.StatusForbidden)
	})
	return n.whenStarted(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.cfg.Faults.has(DiagnosticClosed) && !strings.HasPrefix(r.URL.Path, "/standin/") {
			http.Error(w, "access denied on the diagnostic port", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	}))
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
