package haproxy

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cutover/cutover/lb/lbtest"
)

const pageCSV = "# pxname,svname,qcur,scur,status,weight,type,addr,\nfront,FRONTEND,,3,OPEN,,0,,\napp,s0,0,2,UP,1,2,127.0.0.1:7001,\napp,BACKEND,0,2,UP,1,1,,\n"

// A stats page with a password, over TLS. The same server has pages that are not what they should be.
func statsPage(t *testing.T) (address, caFile string) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case r.URL.Path == "/else;csv":
			http.Redirect(w, r, "/stats;csv", http.StatusFound)
		case r.URL.Path == "/html;csv":
			fmt.Fprint(w, "<html>")
		case r.URL.Path == "/hidden;csv":
			fmt.Fprint(w, strings.Replace(pageCSV, "127.0.0.1:7001", "", 1))
		case r.URL.Path == "/cut;csv":
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, pageCSV)
		case r.URL.Path != "/stats;csv":
			w.WriteHeader(http.StatusServiceUnavailable)
		case user != "ops" || password != "s3cret":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			fmt.Fprint(w, pageCSV)
		}
	}))
	t.Cleanup(server.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return server.URL, caFile
}

func TestStatsPage(t *testing.T) {
	address, caFile := statsPage(t)
	at := netip.MustParseAddrPort("127.0.0.1:7001")
	b := balancer(t, Config{Stats: address + "/stats", User: "ops", Password: "s3cret", CAFile: caFile})
	lbtest.Balancer(t, lbtest.BalancerFixture{
		Balancer: b, Up: at, Absent: netip.MustParseAddrPort("192.0.2.1:80"), Secret: "s3cret",
		Unreachable: balancer(t, Config{Stats: "http://127.0.0.1:1/stats;csv", User: "ops", Password: "s3cret"}),
	})
	view, err := b.Look(t.Context(), []netip.AddrPort{at})
	if err != nil || view.Partial == "" || view.Workers[0].Clients != 3 || view.Workers[0].Servers[0].Sessions != 2 {
		t.Errorf("%+v, %v", view, err)
	}
}

func TestStatsPageThatCannotBeBelieved(t *testing.T) {
	address, caFile := statsPage(t)
	for name, test := range map[string]struct {
		path, password string
		insecure       bool
		ca             string
		want           string
	}{
		"wrong password":       {"/stats", "wr0ng", false, caFile, "answers 401: set load_balancers[].user"},
		"unknown authority":    {"/stats", "s3cret", false, "", "certificate"},
		"any certificate":      {"/stats", "s3cret", true, "", ""},
		"leads elsewhere":      {"/else", "s3cret", true, "", "it leads elsewhere"},
		"a page for people":    {"/html", "s3cret", true, "", "no CSV"},
		"addresses not shown":  {"/hidden", "s3cret", true, "", "add `stats show-legends`"},
		"cut short":            {"/cut", "s3cret", true, "", "unexpected EOF"},
		"nothing at that path": {"/no", "s3cret", true, "", "answers 503: is `stats enable` there"},
	} {
		t.Run(name, func(t *testing.T) {
			b := balancer(t, Config{Stats: address + test.path, User: "ops", Password: test.password, CAFile: test.ca, Insecure: test.insecure})
			err := b.Check(t.Context())
			if (err == nil) != (test.want == "") || (err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), test.password))) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}
