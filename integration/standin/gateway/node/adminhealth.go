package node

import (
	"maps"
	"net/http"
	"time"
)

// adminHealth is the user interface and Kibana. The status of Kibana is an
// object, and text when it is red.
func (n *Node) adminHealth() (int, map[string]any) {
	if n.cfg.Faults.has(KibanaRed) {
		return http.StatusInternalServerError, map[string]any{
			"status": "red", "ui": map[string]string{"status": "green", "response_time_ms": "10"},
			"kibana": map[string]any{
				"status": "red", "response_time_ms": "11",
				"error": "HttpResponse: 503 Service Unavailable: Kibana server is not ready yet",
			},
		}
	}
	overall := map[string]string{"state": "green", "nickname": "Looking good", "icon": "success", "uiColor": "secondary"}
	return http.StatusOK, map[string]any{
		"status": "green", "ui": map[string]string{"status": "green", "response_time_ms": "10"},
		"kibana": map[string]any{"status": map[string]any{"overall": overall}, "response_time_ms": "11"},
	}
}

func externalHealth() map[string]any {
	return map[string]any{
		"status": "green",
		"destinations": []map[string]string{
			{"type": "centrasite", "name": "centrasite", "status": "not configured", "response_time_ms": "0"},
			{"type": "snmp", "name": "snmp", "status": "green", "response_time_ms": "1"},
		},
		"external_accounts": []map[string]string{
			{"type": "service_registry", "name": "service_registry", "status": "green", "response_time_ms": "0"},
		},
	}
}

func (n *Node) getAdminHealth(w http.ResponseWriter, _ *http.Request) {
	code, body := n.adminHealth()
	reply(w, code, body)
}

func (n *Node) getExternalHealth(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, externalHealth())
}

// getAllHealth is red when any part is.
func (n *Node) getAllHealth(w http.ResponseWriter, _ *http.Request) {
	code, all := n.engineHealth()
	adminCode, admin := n.adminHealth()
	if adminCode != http.StatusOK {
		code, all["status"] = adminCode, "red"
	}
	delete(admin, "status")
	maps.Copy(all, admin)
	external := externalHealth()
	delete(external, "status")
	maps.Copy(all, external)
	reply(w, code, all)
}

// getLicense answers GET /is/license. Its fields are this stand-in's own guess.
func (n *Node) getLicense(w http.ResponseWriter, _ *http.Request) {
	expired := n.cfg.Faults.has(LicenceExpired)
	until := time.Now().AddDate(1, 0, 0)
	if expired {
		until = time.Now().AddDate(0, 0, -1)
	}
	reply(w, http.StatusOK, map[string]string{
		"expired": yes(expired), "valid": yes(!expired), "expirationDate": until.Format(time.DateOnly),
	})
}
