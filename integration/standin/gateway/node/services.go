package node

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"
)

// addServices adds what Integration Server offers under /invoke. These belong to
// WmRoot, so they go on answering on the diagnostic and the quiesce port.
func (n *Node) addServices(mux *http.ServeMux) {
	mux.HandleFunc("/invoke/wm.server/ping", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{"date": time.Now().Format(time.UnixDate)})
	})
	for name, do := range n.services() {
		n.addService(mux, name, do)
	}
}

// services are all of them but ping, by the path below /invoke.
func (n *Node) services() map[string]service {
	out := map[string]service{
		"wm.server.quiesce/setQuiescePort":        n.setQuiescePort,
		"wm.server.quiesce/getQuiescePort":        n.getQuiescePort,
		"wm.server.quiesce/getQuiescePortDetails": n.getQuiescePortDetails,
		"wm.server.quiesce/isDisableQuiescePort":  n.isDisableQuiescePort,
		"wm.server.quiesce/getQuiesceOptions":     n.getQuiesceOptions,
		"wm.server.quiesce/getCurrentMode":        n.getCurrentMode,
		"wm.server.quiesce/setQuiesceMode":        n.setQuiesceMode,
		"wm.server.quiesce/setActiveMode":         n.setActiveMode,
		"wm.server.admin/shutdown":                n.invokeShutdown,
		"wm.server.admin/listPendingShutdown":     n.listPendingShutdown,
		"wm.server.admin/cancelPendingShutdown":   n.cancelPendingShutdown,
		"wm.server.admin/getSettings":             n.getSettings,
		"wm.server.query/getSettings":             n.getSettings,
		"wm.server.query/getExtendedSettings":     n.getSettings,
		"wm.server.query/getStats":                n.getStats,
		"wm.server.query/getServiceStats":         n.getServiceStats,
		"wm.server.query/getSessionList":          n.getSessionList,
		"wm.server.query/getThreadList":           n.getThreadList,
		"wm.server.query/getClusterInfo":          n.getClusterInfo,
		"wm.server.query/getClusterSettings":      n.getClusterSettings,
		"wm.server.query/getClusterError":         n.getClusterError,
		"wm.server.packages/packageList":          n.packages.list,
		"wm.server.packages/packageInfo":          n.packages.info,
		"wm.server.packages/getPackageStatus":     n.packages.status,
		"wm.server.packages/packageDisable":       n.packages.disable,
		"wm.server.packages/packageEnable":        n.packages.enable,
		"wm.server.net.listeners/listListeners":   n.listListeners,
		"wm.server.ports/listListeners":           n.listListeners,
		"wm.server.net.listeners/enableListener":  n.enableListener,
		"wm.server.net.listeners/disableListener": n.disableListener,
	}
	maps.Copy(out, n.consumerServices())
	return out
}

// service is one service: named text in, JSON out.
type service func(in map[string]string) map[string]any

// failed is the output of a service that throws, which is answered with 500.
func failed(format string, args ...any) map[string]any {
	return map[string]any{errorKey: fmt.Sprintf(format, args...)}
}

const errorKey = "$error"

func (n *Node) addService(mux *http.ServeMux, name string, do service) {
	old := strings.HasPrefix(name, "wm.server.quiesce/") || strings.HasPrefix(name, "wm.server.admin/")
	mux.HandleFunc("/invoke/"+name, n.authorized(func(w http.ResponseWriter, r *http.Request) {
		if old && n.cfg.Faults.has(InvokeGone) {
			http.NotFound(w, r)
			return
		}
		out, status := do(input(w, r)), http.StatusOK
		if _, threw := out[errorKey]; threw {
			status = http.StatusInternalServerError
		}
		reply(w, status, out)
	}))
}

// input reads a service's input: a JSON object, or else the query and the form.
// A list is the text of a JSON list.
func input(w http.ResponseWriter, r *http.Request) map[string]string {
	in := map[string]string{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		var body map[string]loose
		if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body) == nil {
			for key, value := range body {
				in[key] = string(value)
			}
		}
	}
	_ = r.ParseForm() // a malformed form has no values, which is an answer
	for key, values := range r.Form {
		in[key] = values[0]
		if list, err := json.Marshal(values); err == nil && len(values) > 1 {
			in[key] = string(list)
		}
	}
	return in
}
