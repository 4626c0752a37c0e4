//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	imagetypes "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/cutover/cutover/image"
)

// Where there is no registry, an image goes from engine to engine: with the same id, without the base that is there,
// once, and without being held in memory.
func TestSendToAnotherEngine(t *testing.T) {
	w := newWorkshop(t)
	address, other := newEngine(t)
	base := w.newBase()
	w.put("large", "")
	if err := os.Truncate(filepath.Join(w.folder, "large"), 128<<20); err != nil {
		t.Fatal(err)
	}
	w.image = config{"base": base, "tag": "cutover-test/" + stackName(t.Name()) + ":1", "files": []any{config{"from": "large", "to": "/data/"}}}
	if got := w.cutover("build", "--no-verify"); got.code != 0 {
		t.Fatalf("exit %d", got.code)
	}
	ref := w.image["tag"].(string)
	built, err := w.engine.ImageInspect(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}

	if sent := w.send(base, address)[address]; sent.There || sent.Bytes < baseSize {
		t.Errorf("the base: %+v", sent)
	}
	sent := w.send(ref, address)[address]
	if sent.There || sent.ID != built.ID || sent.Bytes < 128<<20 || sent.Bytes > 128<<20+baseSize/2 {
		t.Errorf("the image: %+v", sent)
	}
	if w.peak > 64<<10 {
		t.Errorf("%d MiB of memory to send an image of 136 MiB", w.peak>>10)
	}
	if came, err := other.ImageInspect(t.Context(), ref); err != nil || came.ID != built.ID {
		t.Errorf("the other engine has %s as %s: %v", came.ID, ref, err)
	}
	if again := w.send(ref, address)[address]; !again.There || again.Bytes > 0 {
		t.Errorf("once more: %+v", again)
	}
	if _, err := other.ImageRemove(t.Context(), ref, imagetypes.RemoveOptions{PruneChildren: false}); err != nil {
		t.Fatal(err)
	}
	if again := w.send(ref, address)[address]; again.There || again.Bytes < 128<<20 {
		t.Errorf("after it was removed: %+v", again)
	}
}

// delivery is what cutover image send says of one engine.
type delivery struct {
	Engine string
	ID     string
	There  bool `json:"was_there"`
	Bytes  int64
}

func (w *workshop) send(ref string, engines ...string) map[string]delivery {
	w.Helper()
	got := w.cutover(append([]string{"image", "send", "--output", "json", ref}, engines...)...)
	var told struct{ Engines []delivery }
	if err := json.Unmarshal([]byte(got.stdout), &told); err != nil {
		w.Fatalf("exit %d: %v", got.code, err)
	}
	all := map[string]delivery{}
	for _, one := range told.Engines {
		all[one.Engine] = one
	}
	return all
}

// An engine that can't be reached keeps no other from the image. What stands in the way is said.
func TestSendRefused(t *testing.T) {
	w := newWorkshop(t)
	address, _ := newEngine(t)
	nowhere := "tcp://127.0.0.1:1"
	got := w.cutover("image", "send", gatewayBase, nowhere, address)
	if got.code != 1 || !strings.Contains(got.stderr, "send "+gatewayBase+" to "+nowhere+": ") || !strings.Contains(got.stdout, address+": sha256:") {
		t.Errorf("exit %d", got.code)
	}
	if got := w.cutover("image", "send", "no/such:image", address); got.code != 1 || !strings.Contains(got.stderr, "no/such:image is not on the engine that is to send it") {
		t.Errorf("exit %d", got.code)
	}
}

// What is given up half-way leaves nothing on the other engine, and can be begun anew.
func TestSendGivenUp(t *testing.T) {
	w := newWorkshop(t)
	_, other := newEngine(t)
	base := w.newBase()
	enough := errors.New("given up")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	told := 0
	carrier := image.Carrier{Engine: w.engine, Tell: func(string) {
		if told++; told == 20 { // some hundred kB of 8 MiB
			cancel(enough)
		}
	}}
	if sent, err := carrier.Send(ctx, base, other); !errors.Is(err, enough) || sent.Bytes == 0 || sent.Bytes > baseSize/2 {
		t.Errorf("%+v, %v", sent, err)
	}
	if all, err := other.ImageList(t.Context(), imagetypes.ListOptions{All: true}); err != nil || len(all) > 0 {
		t.Errorf("left over: %+v, %v", all, err)
	}
	if sent, err := carrier.Send(t.Context(), base, other); err != nil || sent.ID != base {
		t.Errorf("%+v, %v", sent, err)
	}
}

// An engine that keeps its images in containerd is given every layer, and gives the image an id of its own.
func TestSendToContainerd(t *testing.T) {
	w := newWorkshop(t)
	address, other := newEngine(t)
	base := w.newBase()
	w.image = config{"base": base, "tag": "cutover-test/" + stackName(t.Name()) + ":1", "files": []any{config{"from": "Orders", "to": "/data/"}}}
	if got := w.cutover("build", "--no-verify"); got.code != 0 {
		t.Fatalf("exit %d", got.code)
	}
	ref := w.image["tag"].(string)
	w.send(base, address)
	carrier := image.Carrier{Engine: w.engine}
	saysContainerd := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "engine"}) },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return other.Dialer()(ctx) }},
		ModifyResponse: func(r *http.Response) error {
			if strings.HasSuffix(r.Request.URL.Path, "/info") {
				text := `{"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}`
				r.Body.Close()
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
				r.Header.Set("Content-Length", fmt.Sprint(len(text)))
			}
			return nil
		},
	}
	server := httptest.NewServer(saysContainerd)
	t.Cleanup(server.Close)
	engine, err := client.NewClientWithOpts(client.WithHost(strings.Replace(server.URL, "http://", "tcp://", 1)), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	if sent, err := carrier.Send(t.Context(), ref, engine); err != nil || sent.Bytes < baseSize {
		t.Errorf("%+v, %v", sent, err)
	}
	if sent, err := carrier.Send(t.Context(), ref, engine); err != nil || !sent.There {
		t.Errorf("once more: %+v, %v", sent, err)
	}
}
