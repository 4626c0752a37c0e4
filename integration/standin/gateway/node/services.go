package node

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// addServices adds what Integration Server offers under /invoke. These belong to
// WmRoot, so they go on answering on the diagnostic and the quiesce port.
func (n *Node) addServices(mux *http.ServeMux) {
	service := func(name string, do func(in map[string]string) map[string]any) {
		mux.HandleFunc("/invoke/"+name, n.authorized(func(w http.ResponseWriter, r *http.Request) {
			reply(w, http.StatusOK, do(input(w, r)))
		}))
	}
	mux.HandleFunc("/invoke/wm.server/ping", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{"date": time.Now().Format(time.UnixDate)})
	})
	service("wm.server.quiesce/setQuiescePort", n.setQuiescePort)
	service("wm.server.quiesce/getQuiescePort", func(map[string]string) map[string]any {
		return map[string]any{"portAlias": n.quiesceAlias()}
	})
	service("wm.server.quiesce/getCurrentMode", func(map[string]string) map[string]any {
		return map[string]any{"mode": n.mode(), "isQuiesceMode": yes(n.isQuiescing())}
	})
	service("wm.server.quiesce/setQuiesceMode", n.setQuiesceMode)
	service("wm.server.quiesce/setActiveMode", n.setActiveMode)
	service("wm.server.admin/shutdown", n.invokeShutdown)
	service("wm.server.query/getStats", n.getStats)
	service("wm.server.packages/packageList", n.packages.list)
	service("wm.server.packages/packageInfo", n.packages.info)
	service("wm.server.packages/getPackageStatus", n.packages.status)
}

// input reads a service's input: a JSON object, or else the query and the form.
func input(w http.ResponseWriter, r *http.Request) map[string]string {
	in := map[string]string{}
	if r.Header.Get("Content-Type") == "application/json" {
		var body map[string]loose
		if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body) == nil {
			for key, value := range body {
				in[key] = string(value)
			}
		}
	}
	_ = r.ParseForm() // a malformed form has no values, which is an answer
	for key := range r.Form {
		in[key] = r.Form.Get(key)
	}
	return in
}

// setQuiescePort accepts any port that exists; whether it will do is looked at
// when the server is quiesced.
func (n *Node) setQuiescePort(in map[string]string) map[string]any {
	alias := in["portAlias"]
	n.ports.mu.Lock()
	found := n.ports.find(byAlias(alias)) != nil
	n.ports.mu.Unlock()
	if !found || alias == diagnosticAlias {
		return map[string]any{"message": "INVALID", "status": "false"}
	}
	n.quiesce.mu.Lock()
	n.quiesce.portAlias = alias
	n.quiesce.mu.Unlock()
	return map[string]any{"message": "Quiesce port is set to " + alias, "status": "true"}
}

// setQuiesceMode is Integration Server's own quiesce: nothing is flushed, and
// setActiveMode leads back.
func (n *Node) setQuiesceMode(map[string]string) map[string]any {
	if err := n.checkQuiescePort(); err != nil {
		return map[string]any{"message": "INVALID", "status": "false"}
	}
	n.beginQuiesce()
	return map[string]any{
		"message": "Server is in quiesce mode", "status": "true",
		"report": []map[string]string{{"type": "Package", "status": "true", "message": "WmAPIGateway is disabled"}},
	}
}

// setActiveMode leaves the server's quiesce mode, but not API Gateway's.
func (n *Node) setActiveMode(map[string]string) map[string]any {
	n.quiesce.mu.Lock()
	all := n.quiesce.all
	if !all {
		n.quiesce.server, n.quiesce.off = false, false
	}
	n.quiesce.mu.Unlock()
	if all {
		return map[string]any{"message": "WmAPIGateway was quiesced: restart the server", "status": "false"}
	}
	if err := n.ports.reopen(); err != nil {
		return map[string]any{"message": err.Error(), "status": "false"}
	}
	return map[string]any{"message": "Server is in active mode", "status": "true"}
}

// getStats has the fields of wm.server.query:getStats that tell whether a server
// is busy. The request that asks is not counted.
func (n *Node) getStats(map[string]string) map[string]any {
	held := n.counters.snapshot()
	inFlight, served := strconv.FormatInt(held.InFlight, 10), strconv.FormatInt(held.Served, 10)
	return map[string]any{
		"svrT": inFlight, "srvThreadCount": inFlight, "ssnUsed": inFlight, "conn": inFlight,
		"connStatefulSessionsCurrent": "0", "reqTotal": served, "newReqPM": "0", "endReqPM": "0",
		"upTime": strconv.FormatInt(int64(time.Since(n.readyAt()).Seconds()), 10),
	}
}
