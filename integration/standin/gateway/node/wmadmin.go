package node

import (
	"net/http"
	"time"
)

// addWmAdmin adds the Administrator API of package WmAdmin, in which quiescing
// and shutting down go by other names. What it answers is this stand-in's own
// guess: see the README.
func (n *Node) addWmAdmin(mux *http.ServeMux) {
	handle := func(pattern string, h http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if n.wmAdminGone() {
				http.NotFound(w, r)
				return
			}
			n.authorized(h)(w, r)
		})
	}
	handle("GET /admin/server", n.getAdminServer)
	handle("POST /admin/server", n.postAdminServer)
	handle("GET /admin/package", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, n.packages.list(nil))
	})
	handle("GET /admin/package/{name}", n.getAdminPackage)
	handle("POST /admin/package/{name}", n.postAdminPackage)
}

// wmAdminGone tells whether WmAdmin is not installed or is disabled, as it is
// once quiescing has disabled the packages.
func (n *Node) wmAdminGone() bool {
	survives := n.cfg.Faults.has(WmAdminSurvives) || n.cfg.Faults.has(InvokeGone)
	return n.cfg.WmAdmin == "none" || !n.packages.enabled("WmAdmin") && (!survives || !n.packages.quiesced())
}

func (n *Node) getAdminServer(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]any{"server": map[string]string{
		"mode": n.mode(), "version": n.cfg.Version, "name": n.cfg.Name,
		"upTime": time.Since(n.readyAt()).Round(time.Second).String(),
	}})
}

// postAdminServer takes force=true up to 10.15 and when=immediate from 11.1; each
// refuses the other's parameter.
func (n *Node) postAdminServer(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	mine, other := "force", "when"
	if n.cfg.WmAdmin == "when" {
		mine, other = "when", "force"
	}
	at := query.Get(mine)
	if query.Has(other) || query.Has(mine) && at != "true" && at != "false" && at != "immediate" {
		adminRefusal(w, "this version takes "+mine+" and not "+other)
		return
	}
	option := "drain"
	if at == "true" || at == "immediate" {
		option = "force"
	}
	timeout := query.Get("timeout")
	switch action := query.Get("action"); action {
	case "quiesce":
		adminAnswer(w, n.setQuiesceMode(map[string]string{"timeout": timeout}))
	case "exitQuiesce":
		adminAnswer(w, n.setActiveMode(nil))
	case "shutdown", "stop", "restart", "restartQuiesce":
		if timeout == "" {
			timeout = "10"
		}
		if err := n.shutdown(option, timeout, action != "shutdown" && action != "stop", action == "restartQuiesce"); err != nil {
			adminRefusal(w, err.Error())
			return
		}
		adminAnswer(w, map[string]any{"message": "Server shutdown is in progress."})
	default:
		adminRefusal(w, "action must be quiesce, exitQuiesce, shutdown, stop, restart or restartQuiesce")
	}
}

func (n *Node) getAdminPackage(w http.ResponseWriter, r *http.Request) {
	in := map[string]string{"package": r.PathValue("name")}
	if !n.packages.exists(in["package"]) {
		http.NotFound(w, r)
		return
	}
	out := n.packages.info(in)
	out["enabled"] = n.packages.status(in)["enabled"]
	reply(w, http.StatusOK, map[string]any{"package": out})
}

func (n *Node) postAdminPackage(w http.ResponseWriter, r *http.Request) {
	in := map[string]string{"package": r.PathValue("name")}
	switch r.URL.Query().Get("action") {
	case "enable":
		adminAnswer(w, n.packages.enable(in))
	case "disable":
		adminAnswer(w, n.packages.disable(in))
	case "reload", "activate":
		adminAnswer(w, n.packages.status(in))
	default:
		adminRefusal(w, "action must be enable, disable, reload or activate")
	}
}

// adminAnswer refuses what the service refused, with a status of its own.
func adminAnswer(w http.ResponseWriter, out map[string]any) {
	status := http.StatusOK
	if _, threw := out[errorKey]; threw {
		status = http.StatusInternalServerError
	} else if out["status"] == "false" {
		status = http.StatusBadRequest
	}
	reply(w, status, out)
}

func adminRefusal(w http.ResponseWriter, message string) {
	reply(w, http.StatusBadRequest, map[string]any{"error": map[string]string{"message": message}})
}
