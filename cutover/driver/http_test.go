package driver_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/cutovertest"
	"github.com/cutover/cutover/cutover/driver"
)

func TestHTTPKeepsTheContract(t *testing.T) {
	var quiesced atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("POST /quiesce", func(http.ResponseWriter, *http.Request) { quiesced.Store(true) })
	mux.HandleFunc("GET /quiesced", func(w http.ResponseWriter, _ *http.Request) {
		if !quiesced.Load() {
			w.WriteHeader(http.StatusAccepted)
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	lives := time.Now().Add(-time.Hour)
	var journaled time.Time // when it may have been asked to quiesce
	d := driver.NewHTTP(driver.HTTP{
		Port: 8080, ReadyPath: "/healthz", ReadyStatus: 404, QuiescePath: "/quiesce", DonePath: "/quiesced",
		Containers: driver.Containers{
			Locate: func(context.Context, string) (cutover.Place, error) {
				place := placeOf(t, server.URL)
				place.StartedAt = lives
				return place, nil
			},
			Restart: func(_ context.Context, _ string, since cutover.Moment) error {
				if !lives.After(since.At) {
					lives = time.Now()
					quiesced.Store(false)
				}
				return nil
			},
			QuiescedAt: func(string) cutover.Moment { return cutover.Moment{At: journaled} },
		},
	})
	if ok, detail, err := d.Ready(t.Context(), "web-1", placeOf(t, server.URL)); !ok || err != nil {
		t.Errorf("ready: %s, %v", detail, err)
	}
	cutovertest.Resource(t, cutovertest.ResourceFixture{
		Resource: d, Target: "web-1", From: cutover.Active,
		Walk: []cutover.State{cutover.Quiesced},
	})
	journaled = time.Now()
	cutovertest.Resource(t, cutovertest.ResourceFixture{
		Resource: d, Target: "web-1", From: cutover.Quiesced,
		Walk: []cutover.State{cutover.Active}, Cut: server.Close,
	})
}

func TestHTTPSurveyNamesTheKeys(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	d := driver.NewHTTP(driver.HTTP{Port: 8080, ReadyPath: "/healthz"})
	_, problems := d.Survey(t.Context(), "web-1", placeOf(t, server.URL))
	if len(problems) != 1 || !strings.Contains(problems[0].Error(), "/healthz: 404") || !strings.Contains(problems[0].Error(), "driver.ready") {
		t.Errorf("got %v", problems)
	}
	if len(d.Procedure(nil).Ladder) != 0 {
		t.Error("a ladder without anything to ask for")
	}
}

func placeOf(t *testing.T, server string) cutover.Place {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return cutover.Place{ID: "1", Running: true, Address: u.Hostname(), Published: map[int]int{8080: port}}
}

func TestHTTPCountsWhatIsInFlight(t *testing.T) {
	for answer, test := range map[string]struct {
		path string
		n    int
		told bool
		err  bool
	}{"3\n": {"/busy", 3, true, false}, "0": {"/busy", 0, true, false}, "": {"", 0, false, false}, "many": {"/busy", 0, false, true}, "404": {"/other", 0, false, true}} {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /busy", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) })
		server := httptest.NewServer(mux)
		d := driver.NewHTTP(driver.HTTP{Port: 8080, ReadyPath: "/healthz", CountPath: test.path})
		n, told, err := d.InFlight(t.Context(), placeOf(t, server.URL))
		if n != test.n || told != test.told || (err != nil) != test.err {
			t.Errorf("%q: %d, %t, %v", answer, n, told, err)
		}
		server.Close()
	}
}
