package image

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/client"
)

// Of what killed builds left over only that is removed with which no build can be working any more, and nothing that
// is another service's.
func TestLeftoversOfKilledBuilds(t *testing.T) {
	old, young := time.Now().Add(-2*time.Hour), time.Now().Add(-time.Minute)
	inspected := func(tags string, at time.Time) string {
		return fmt.Sprintf(`{"Id": "x", "RepoTags": [%s], "Metadata": {"LastTagTime": %q}, "Config": {"Labels": {%q: "f"}}}`, tags, at.Format(time.RFC3339Nano), LabelFingerprint)
	}
	container := func(name, label, state string, at time.Time) string {
		return fmt.Sprintf(`{"Id": %q, "Names": ["/%s"], "State": %q, "Created": %d, "ImageID": "z", "Labels": {%q: "x"}}`, name, name, state, at.Unix(), label)
	}
	answers := map[string]string{
		"/containers/json": "[" + strings.Join([]string{
			container("old-look", LabelLook, "created", old), container("young-look", LabelLook, "created", young), container("started-look", LabelLook, "running", old),
			container("old-trial", LabelTrial, "running", old), container("young-trial", LabelTrial, "running", young), container("fleet", LabelFingerprint, "running", old),
		}, ",") + "]",
		"/images/json":   `[{"Id": "a"}, {"Id": "b"}, {"Id": "c"}, {"Id": "d"}]`,
		"/images/a/json": inspected(`"cutover-unfinished:old"`, old),
		"/images/b/json": inspected(`"cutover-unfinished:young"`, young),
		"/images/c/json": inspected(`"ops/other:1"`, old),
		"/images/d/json": inspected(``, old),
		"/networks":      fmt.Sprintf(`[{"Name": "old-network", "Created": %q}, {"Name": "young-network", "Created": %q}]`, old.Format(time.RFC3339Nano), young.Format(time.RFC3339Nano)),
		"/_ping":         "OK",
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("API-Version", "1.41")
		fmt.Fprint(w, answers[strings.TrimPrefix(r.URL.Path, "/v1.41")])
	}))
	t.Cleanup(server.Close)
	there, err := client.NewClientWithOpts(client.WithHost(strings.Replace(server.URL, "http", "tcp", 1)), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	all, err := FindOld(t.Context(), there, "ops/gateway:{{.Fingerprint}}", "f", 3)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range all {
		if o.Keep {
			t.Errorf("kept: %+v", o)
		}
		names = append(names, o.Name)
	}
	if got, want := strings.Join(names, " "), "cutover-unfinished:old x old-look old-trial old-network"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
