package traefik

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"testing"

	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/lbtest"
)

// transcript answers as Traefik 3.7 does (pkg/api): in pages, and with the next page's number in a header. After the
// last one that is 1.
func transcript(t *testing.T) *Balancer {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages := map[string][2]string{
			"/api/http/services?1": {"http.json", "2"}, "/api/http/services?2": {"http-2.json", "1"}, "/api/tcp/services?1": {"tcp.json", "1"},
		}
		page, known := pages[r.URL.Path+"?"+r.URL.Query().Get("page")]
		text, err := os.ReadFile("testdata/" + page[0])
		if !known || err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("X-Next-Page", page[1])
		_, _ = w.Write(text)
	}))
	t.Cleanup(api.Close)
	b, err := New("lb-1", api.URL)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTraefikKeepsTheContract(t *testing.T) {
	gone, err := New("lb-1", "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	lbtest.Balancer(t, lbtest.BalancerFixture{
		Balancer: transcript(t), Up: netip.MustParseAddrPort("10.0.0.1:5555"), Absent: netip.MustParseAddrPort("10.0.0.9:5555"), Unreachable: gone,
	})
}

func TestLook(t *testing.T) {
	for at, want := range map[string]lb.Server{
		"10.0.0.1:5555": {Name: "api-gateway@consulcatalog/10.0.0.1:5555", Status: lb.Up, Weight: 1},
		"10.0.0.2:5555": {Name: "api-gateway@consulcatalog/10.0.0.2:5555", Status: lb.Down, Weight: 1},
		"10.0.0.4:80":   {Name: "old@consulcatalog/10.0.0.4:80", Status: lb.Down, Weight: 2}, // on the second page
		"10.0.0.1:2021": {Name: "ftp@consulcatalog/10.0.0.1:2021", Status: lb.Up},            // TCP, with weight 0
	} {
		want.Endpoint = netip.MustParseAddrPort(at)
		view, err := transcript(t).Look(t.Context(), []netip.AddrPort{want.Endpoint})
		if err != nil || len(view.Workers) != 1 || len(view.Workers[0].Servers) != 1 || view.Workers[0].Servers[0] != want || !view.Uncounted {
			t.Errorf("%s: %+v, %v", at, view, err)
		}
	}
}
