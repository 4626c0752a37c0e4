package webapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cutover/cutover/lb/webapi"
)

func TestGetRefuses(t *testing.T) {
	endless := strings.Repeat(" ", 1<<20)
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, "status 302"},
		"no permission": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "status 403 Forbidden: is this the API"},
		"a flood": {func(w http.ResponseWriter, _ *http.Request) {
			for range 20 {
				_, _ = w.Write([]byte(endless))
			}
		}, "more than 16 MiB"},
		"an answer whose end can't be told": {func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[]"))
				_ = conn.Close()
			}
		}, "does not tell where its answer ends"},
		"a broken answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("["))
		}, "broke off"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			api, err := webapi.New("lb-1", server.URL)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := api.Get(t.Context(), "api", nil, &[]string{}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
	for _, address := range []string{"", "10.0.0.7:9998", "tcp://10.0.0.7:9998", "http://user:secret@10.0.0.7:9998"} {
		if _, err := webapi.New("lb-1", address); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"http://10.0.0.1:5555/": "10.0.0.1:5555", "tcp://10.0.0.1:2021": "10.0.0.1:2021", "10.0.0.1:2021": "10.0.0.1:2021",
		"https://10.0.0.1": "10.0.0.1:443", "http://[::1]:80": "[::1]:80", "http://node-1:80": "invalid AddrPort", "": "invalid AddrPort",
	} {
		if got := webapi.Endpoint(text).String(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
