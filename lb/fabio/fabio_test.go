package fabio

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/lbtest"
)

// transcript answers as fabio does (admin/api/routes.go).
func transcript(t *testing.T, text string) *Balancer {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/routes" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(api.Close)
	b, err := New("lb-1", api.URL)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func routes(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/routes.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestFabioKeepsTheContract(t *testing.T) {
	gone, err := New("lb-1", "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	lbtest.Balancer(t, lbtest.BalancerFixture{
		Balancer: transcript(t, routes(t)), Up: netip.MustParseAddrPort("10.0.0.1:5555"), Absent: netip.MustParseAddrPort("10.0.0.9:5555"), Unreachable: gone,
	})
}

func TestLook(t *testing.T) {
	for at, want := range map[string]lb.Server{
		"10.0.0.1:5555": {Name: "api-gateway/10.0.0.1:5555", Status: lb.Up, Weight: 1},
		"10.0.0.2:5555": {Name: "api-gateway/10.0.0.2:5555", Status: lb.Up},
		"10.0.0.1:2021": {Name: "ftp/10.0.0.1:2021", Status: lb.Up, Weight: 1},
	} {
		want.Endpoint = netip.MustParseAddrPort(at)
		view, err := transcript(t, routes(t)).Look(t.Context(), []netip.AddrPort{want.Endpoint})
		if err != nil || len(view.Workers) != 1 || len(view.Workers[0].Servers) != 1 || view.Workers[0].Servers[0] != want || !view.Uncounted {
			t.Errorf("%s: %+v, %v", at, view, err)
		}
	}
	none, err := transcript(t, "null").Look(t.Context(), []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:5555")})
	if ok, _ := none.Runs(netip.MustParseAddrPort("10.0.0.1:5555")); err != nil || ok {
		t.Errorf("no route at all: %+v, %v", none, err)
	}
}

func TestAnswersThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{"<html>": "not the JSON expected", `{"routes": []}`: "not the JSON expected"} {
		if _, err := transcript(t, text).Look(t.Context(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
