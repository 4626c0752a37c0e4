package consul

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCheckWantsALeader(t *testing.T) {
	for answer, want := range map[string]string{
		`"10.0.0.9:8300"`:         "",
		`""`:                      "no leader at Consul",
		"No known Consul servers": "ask for the leader",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/status/leader" {
				http.NotFound(w, r)
				return
			}
			if answer[0] != '"' {
				w.WriteHeader(http.StatusInternalServerError)
			}
			fmt.Fprint(w, answer)
		}))
		err := agent(t, server.URL).Check(t.Context())
		server.Close()
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", answer, err, want)
		}
	}
}
