package consul

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPassing(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/v1/agent/health/service/name/"):
			http.Error(w, "Permission denied", http.StatusForbidden)
		case r.URL.Path == "/v1/health/service/hidden":
			fmt.Fprint(w, "[]")
		case r.URL.Path == "/v1/health/service/gw" && r.URL.Query().Has("passing"):
			fmt.Fprint(w, `[{"Node": {"Address": "10.0.0.9"}, "Service": {"Address": "", "Port": 5555}},
				{"Node": {"Address": "10.0.0.9"}, "Service": {"Address": "10.0.0.1", "Port": 5555}},
				{"Node": {"Address": "10.0.0.9"}, "Service": {"Address": "a.name", "Port": 5555}}]`)
		default:
			http.Error(w, "no", http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	a := agent(t, server.URL)
	if found, err := a.Passing(t.Context(), "gw"); err != nil || fmt.Sprint(found) != "[10.0.0.9:5555 10.0.0.1:5555]" {
		t.Errorf("%v, %v", found, err)
	}
	if found, err := a.Passing(t.Context(), "hidden"); err == nil {
		t.Errorf("%v and no error, though the token may not read it", found)
	}
	if _, err := a.Passing(t.Context(), "broken"); err == nil || !strings.Contains(err.Error(), "read what passes of broken") {
		t.Errorf("%v", err)
	}
}
