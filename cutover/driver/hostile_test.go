package driver_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/cutovertest"
	"github.com/cutover/cutover/cutover/driver"
)

// What listens on an admin port may be anything. It is waited for as long as the context allows, read as far as an answer
// can sensibly be long, never followed elsewhere with a password, and never taken for a state.
func TestAdminPortsThatMisbehave(t *testing.T) {
	var told atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		told.Add(1)
		if _, password, _ := r.BasicAuth(); password != "" {
			t.Error("the password was sent elsewhere")
		}
	}))
	defer elsewhere.Close()
	for name, answer := range map[string]http.HandlerFunc{
		"redirects elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"never ends": func(w http.ResponseWriter, r *http.Request) {
			for piece := bytes.Repeat([]byte("{"), 64<<10); r.Context().Err() == nil; {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		},
		"drips": func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for r.Context().Err() == nil {
				w.Write([]byte("{"))
				w.(http.Flusher).Flush()
				<-tick.C
			}
		},
		"says nothing": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"has endless headers": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		},
		"is not JSON": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("\x00\x1b[2J<html>")) },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			defer server.Close()
			defer server.CloseClientConnections()
			place := placeOf(t, server.URL)
			place.Published = map[int]int{5555: place.Port(8080), 4444: place.Port(8080), 9999: place.Port(8080)}
			d := driver.NewAPIGateway(&driver.APIGateway{Server: driver.Server{
				User: "Administrator", Password: "s3cret",
				Containers: driver.Containers{Locate: func(context.Context, string) (cutover.Place, error) { return place, nil }},
			}})
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			began := time.Now()
			if ready, detail, _ := d.Ready(ctx, "gw-1", place); ready {
				t.Errorf("it is ready: %s", detail)
			}
			if seen, err := d.Observe(ctx, "gw-1"); err == nil && seen.State != "" {
				t.Errorf("it was taken for %s: %s", seen.State, seen.Detail)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it was waited for %s", took)
			}
		})
	}
	if told.Load() > 0 {
		t.Errorf("%d requests were sent on elsewhere", told.Load())
	}
}

// An admin port may ask for a client's certificate.
func TestClientCertificate(t *testing.T) {
	certs := cutovertest.NewCertificates(t)
	pem, err := os.ReadFile(certs.CA)
	if err != nil {
		t.Fatal(err)
	}
	authority := x509.NewCertPool()
	authority.AppendCertsFromPEM(pem)
	own, err := tls.LoadX509KeyPair(certs.ServerCert, certs.ServerKey)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	for name, secure := range map[string]driver.TLS{
		"with it":    {CAFile: certs.CA, CertFile: certs.ClientCert, KeyFile: certs.ClientKey},
		"without it": {CAFile: certs.CA},
	} {
		config, err := secure.Config()
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
		answer, err := client.Get(server.URL)
		if (err == nil) != (name == "with it") {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			answer.Body.Close()
		}
	}
	if _, err := (driver.TLS{CertFile: certs.ClientCert, KeyFile: certs.ServerKey}).Config(); err == nil || !strings.Contains(err.Error(), "driver.cert_file") {
		t.Errorf("a key that does not belong to it: %v", err)
	}
}
