package haproxy

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/cutover/cutover/lb"
)

// What HAProxy 3.0.11 said after a reload, with a request in flight to s1 and two idle clients in the old worker, in which
// s0 was held; and its stats page at that moment.
func TestSamplesOf3(t *testing.T) {
	held, up := netip.MustParseAddrPort("127.0.0.1:18992"), netip.MustParseAddrPort("127.0.0.1:18993")
	view, err := replay(t, "look-3.0.11").Look(t.Context(), []netip.AddrPort{held, up})
	if err != nil {
		t.Fatal(err)
	}
	if len(view.Workers) != 2 || view.Workers[0].Old || !view.Workers[1].Old {
		t.Fatalf("%+v", view.Workers)
	}
	old := view.Workers[1]
	if old.Clients != 3 || old.Backends["app"] != 1 || old.Servers[0].Status != lb.Maint || old.Servers[1].Sessions+old.Servers[0].Sessions != 1 {
		t.Errorf("%+v", old)
	}
	for _, e := range []netip.AddrPort{held, up} { // UP 1/3 before the first check
		if ok, detail := view.Runs(e); !ok {
			t.Errorf("%s: %s", e, detail)
		}
	}
	_, proc := transcript(t, "look-3.0.11")
	if m, err := parseMaster(proc); err != nil || m.reloads != "1" || m.failed || m.version != "3.0.11-1+deb13u3" || len(m.workers) != 2 {
		t.Errorf("%+v, %v", m, err)
	}
	page, err := os.ReadFile(filepath.Join("testdata", "page-3.0.11.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := parseStat(string(page))
	if err != nil {
		t.Fatal(err)
	}
	found := map[netip.AddrPort]lb.Status{}
	for _, r := range rows {
		if r.server() {
			found[r.Address] = status(r.Status)
		}
	}
	if len(found) != 2 || found[held] != lb.Up || found[up] != lb.Up {
		t.Errorf("%v", found)
	}
}
