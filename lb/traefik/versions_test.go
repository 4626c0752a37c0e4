package traefik

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

var s1, s2 = netip.MustParseAddrPort("127.0.0.1:18997"), netip.MustParseAddrPort("127.0.0.1:18998")

// sample answers what Traefik 3.6.7 did with its Consul Catalog provider: with both members passing, with s1 in maintenance,
// and with none left. Both are a service of HTTP and one of TCP.
func sample(t *testing.T, name string) *Balancer {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/api/"), "/services")
		text, err := os.ReadFile("testdata/3.6.7-" + name + "-" + kind + ".json")
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("X-Next-Page", "1")
		_, _ = w.Write(text)
	}))
	t.Cleanup(api.Close)
	b, err := New("lb-1", api.URL)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSamplesOf3(t *testing.T) {
	gone, err := New("lb-1", "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	lbtest.Balancer(t, lbtest.BalancerFixture{Balancer: sample(t, "both"), Up: s1, Absent: netip.MustParseAddrPort("192.0.2.1:80"), Unreachable: gone})
	for name, want := range map[string]map[netip.AddrPort]int{ // servers that lead there
		"both": {s1: 2, s2: 2}, "maintenance": {s1: 0, s2: 2}, "none": {s1: 0, s2: 0},
	} {
		for at, n := range want {
			view, err := sample(t, name).Look(t.Context(), []netip.AddrPort{at})
			if err != nil || len(view.Workers[0].Servers) != n {
				t.Errorf("%s: %s: %+v, %v, want %d", name, at, view, err, n)
				continue
			}
			for _, server := range view.Workers[0].Servers {
				if server.Status != lb.Up || server.Weight != 1 {
					t.Errorf("%s: %+v", name, server)
				}
			}
			if away, _ := view.Away(at); away != (n == 0) {
				t.Errorf("%s: %s is away: %v", name, at, away)
			}
		}
	}
}
