package docker_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/cutover/cutover/cutover/cutovertest"
	"github.com/cutover/cutover/cutover/docker"
)

// An engine that speaks TLS, and only with who has a certificate of its authority, as dockerd --tlsverify does.
func TestConnectByTLS(t *testing.T) {
	ours, others := cutovertest.NewCertificates(t), cutovertest.NewCertificates(t)
	host := secureEngine(t, ours)
	for name, test := range map[string]struct {
		tls  docker.TLS
		want string // part of the error; empty: none
	}{
		"with a certificate":           {docker.TLS{CAFile: ours.CA, CertFile: ours.ClientCert, KeyFile: ours.ClientKey}, ""},
		"without one":                  {docker.TLS{CAFile: ours.CA}, "certificate required"},
		"with a stranger's":            {docker.TLS{CAFile: ours.CA, CertFile: others.ClientCert, KeyFile: others.ClientKey}, "tls:"},
		"of an engine that is another": {docker.TLS{CAFile: others.CA, CertFile: ours.ClientCert, KeyFile: ours.ClientKey}, "unknown authority"},
		"without TLS":                  {docker.TLS{}, "HTTPS"},
	} {
		t.Run(name, func(t *testing.T) {
			engine, err := docker.Connect(host, test.tls)
			if err != nil {
				t.Fatal(err)
			}
			defer engine.Close()
			err = docker.NewFleet(engine, docker.Options{Host: "here"}, nil).Ping(t.Context())
			if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	if _, err := docker.Connect(host, docker.TLS{CAFile: ours.CA, CertFile: ours.ClientCert, KeyFile: "nowhere.pem"}); err == nil || !strings.Contains(err.Error(), "nowhere.pem") {
		t.Errorf("a key that is not there: %v", err)
	}
}

// secureEngine answers as much as a Ping takes.
func secureEngine(t *testing.T, c cutovertest.Certificates) string {
	t.Helper()
	authority, err := os.ReadFile(c.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	shown, err := tls.LoadX509KeyPair(c.ServerCert, c.ServerKey)
	if err != nil {
		t.Fatal(err)
	}
	engine := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/info") {
			fmt.Fprint(w, `{"ID":"engine"}`)
		}
	}))
	engine.Config.ErrorLog = log.New(io.Discard, "", 0)
	engine.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{shown}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	engine.StartTLS()
	t.Cleanup(engine.Close)
	return "tcp://" + engine.Listener.Addr().String()
}
