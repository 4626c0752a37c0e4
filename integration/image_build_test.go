//go:build integration

package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/filters"
	imagetypes "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/goccy/go-yaml"

	"github.com/cutover/cutover/image"
)

const gatewayBase = "cutover-demo/gateway:10.15.0.18"

// workshop is a folder with inputs and a configuration, where images are built and no container runs.
type workshop struct {
	*testing.T
	folder string
	engine *client.Client
	image  config
	driver config
	more   config // of the configuration
	peak   int64  // KiB of memory that the last command had
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	engine, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.ImageInspect(t.Context(), gatewayBase); err != nil {
		t.Skipf("make images: %v", err)
	}
	w := &workshop{T: t, folder: t.TempDir(), engine: engine}
	w.put("Orders/manifest.v3", packageManifest)
	w.put("Orders/ns/a/node.ndf", "<Values/>")
	w.put("application.properties", "settings.watt.server.threadPool=150\n")
	w.driver = config{"kind": "none"}
	w.image = config{
		"base": gatewayBase, "tag": "cutover-test/" + stackName(t.Name()) + ":{{.Fingerprint}}",
		"packages": []any{"Orders"}, "properties": "application.properties",
	}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(w.folder, "cache"))
	t.Cleanup(w.removeImages)
	return w
}

func (w *workshop) put(name, content string) {
	w.Helper()
	path := filepath.Join(w.folder, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
		w.Fatal(err)
	}
}

// configure writes the configuration. Nothing that is in it beside the image is there.
func (w *workshop) configure() {
	w.Helper()
	all := config{
		"service": "workshop", "containers": config{"label": "none", "network": "none"}, "consul": config{"address": "http://127.0.0.1:1"},
		"members":        []config{{"service": "none", "port": 1, "check": config{"tcp": true}}},
		"load_balancers": []config{{"name": "none", "kind": "blind", "settle": "1s"}}, "image": w.image, "driver": w.driver,
	}
	maps.Copy(all, w.more)
	data, err := yaml.Marshal(all)
	if err != nil {
		w.Fatal(err)
	}
	w.put("cutover.yaml", string(data))
}

// cutover runs the command here.
func (w *workshop) cutover(args ...string) result {
	w.Helper()
	w.configure()
	cmd := exec.Command(binary, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.folder, &stdout, &stderr
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	peak := watchMemory(cmd.Process.Pid)
	_ = cmd.Wait() // its exit code is looked at
	w.peak = peak()
	got := result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
	w.Logf("cutover %v: exit %d\n%s%s", args, got.code, got.stdout, got.stderr)
	return got
}

// build builds, and returns what the engine then has.
func (w *workshop) build() imagetypes.InspectResponse {
	w.Helper()
	got := w.cutover("build")
	if got.code != 0 {
		w.Fatalf("build: exit %d", got.code)
	}
	ref, _, _ := strings.Cut(got.stdout, " ")
	built, err := w.engine.ImageInspect(w.Context(), ref)
	if err != nil {
		w.Fatal(err)
	}
	return built
}

// made are the images with a fingerprint, tagged or not.
func (w *workshop) made(fingerprint string) []imagetypes.Summary {
	w.Helper()
	all, err := w.engine.ImageList(w.Context(), imagetypes.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", image.LabelFingerprint+"="+fingerprint)),
	})
	if err != nil {
		w.Fatal(err)
	}
	return all
}

// images are those that have this workshop's name.
func (w *workshop) images() []string {
	out, err := exec.Command("docker", "images", "-q", "--no-trunc", "cutover-test/"+stackName(w.Name())).Output()
	if err != nil {
		w.Error(err)
	}
	return strings.Fields(string(out))
}

func (w *workshop) removeImages() {
	for _, id := range w.images() {
		if out, err := exec.Command("docker", "rmi", "-f", id).CombinedOutput(); err != nil {
			w.Errorf("clean up: %s", out)
		}
	}
}

// The same inputs make the same image, byte for byte, in another folder and on another day.
func TestSameInputsMakeTheSameImage(t *testing.T) {
	var ids []string
	for _, at := range []time.Time{time.Unix(1e9, 0), time.Unix(15e8, 0)} {
		w := newWorkshop(t)
		for _, name := range []string{"Orders", "Orders/manifest.v3", "application.properties"} {
			if err := os.Chtimes(filepath.Join(w.folder, name), at, at); err != nil {
				t.Fatal(err)
			}
		}
		built := w.build()
		ids = append(ids, built.ID)
		base, err := w.engine.ImageInspect(t.Context(), gatewayBase)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(built.Config.Entrypoint, base.Config.Entrypoint) || !slices.Equal(built.Config.Env, base.Config.Env) || built.Config.User != base.Config.User || len(built.Config.ExposedPorts) != 3 {
			t.Errorf("configuration: %+v, of the base: %+v", built.Config, base.Config)
		}
		if n := len(base.RootFS.Layers); !slices.Equal(built.RootFS.Layers[:n], base.RootFS.Layers) || len(built.RootFS.Layers) != n+1 || built.Created != base.Created {
			t.Errorf("layers: %v, created %s", built.RootFS.Layers, built.Created)
		}
		history, err := w.engine.ImageHistory(t.Context(), built.ID)
		if err != nil || len(history) != len(built.RootFS.Layers) {
			t.Errorf("history: %v, %v", history, err)
		}
		w.removeImages()
	}
	if ids[0] != ids[1] {
		t.Errorf("two images: %v", ids)
	}
}

// A build that fails half-way, here because an input changes under it, leaves nothing on the engine.
func TestFailedBuildLeavesNothing(t *testing.T) {
	w := newWorkshop(t)
	w.put("large", strings.Repeat("x", 16<<20))
	build, err := image.Prepare(t.Context(), w.engine, image.Spec{
		Base: gatewayBase, Tag: "cutover-test/" + stackName(t.Name()) + ":1",
		Files: []image.File{{From: filepath.Join(w.folder, "large"), To: "/data/a"}, {From: filepath.Join(w.folder, "Orders"), To: "/data/b"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.put("Orders/manifest.v3", strings.Replace(packageManifest, "1.4", "1.5", 1))
	if err := build.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "Orders/manifest.v3 has changed since it was looked at") {
		t.Errorf("got %v", err)
	}
	if left := w.made(build.Fingerprint); len(left) > 0 {
		t.Errorf("left over: %+v", left)
	}
}

// Memory does not grow with what goes into the image.
func TestLargeInputsAreStreamed(t *testing.T) {
	w := newWorkshop(t)
	w.put("large", "")
	if err := os.Truncate(filepath.Join(w.folder, "large"), 256<<20); err != nil {
		t.Fatal(err)
	}
	w.image["files"] = []any{config{"from": "large", "to": "/data/"}}
	w.build()
	if w.peak > 64<<10 {
		t.Errorf("%d MiB of memory for an image of 256 MiB", w.peak>>10)
	}
}

// What is built already is known in a moment, however much went into it.
func TestBuiltAlreadyIsQuick(t *testing.T) {
	w := newWorkshop(t)
	for i := range 4000 { // its record is larger than what is looked into of other files
		w.put(fmt.Sprintf("Orders/ns/orders/services/of/this/package/with/names/as/long/as/theirs/often/are/in/practice/service%d/node.ndf", i), "<Values/>")
	}
	built := w.build()
	if got := w.cutover("image", "diff", gatewayBase, built.ID); got.code != 0 {
		t.Errorf("image diff: exit %d", got.code)
	}
	var fastest time.Duration
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		began := time.Now()
		if got := w.cutover("build"); !strings.Contains(got.stdout, "is built already") {
			t.Fatalf("exit %d", got.code)
		}
		if took := time.Since(began); fastest == 0 || took < fastest {
			fastest = took
		}
		if fastest < time.Second {
			break
		}
	}
	t.Logf("known after %s", fastest)
	if fastest > time.Second {
		t.Errorf("it took %s to see that nothing is to be done", fastest)
	}
}

// An engine that keeps its images in containerd wants every layer of what it loads: there the builder makes the image,
// and what is in it is the same.
func TestBuilderMakesTheImageWhereLoadingCannot(t *testing.T) {
	w := newWorkshop(t)
	loaded := w.build()
	w.removeImages()
	var built atomic.Bool
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "engine"})
	proxy.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return w.engine.Dialer()(ctx) }}
	proxy.ModifyResponse = func(r *http.Response) error {
		if strings.HasSuffix(r.Request.URL.Path, "/build") {
			built.Store(true)
		}
		if !strings.HasSuffix(r.Request.URL.Path, "/info") {
			return nil
		}
		r.Body.Close()
		text := `{"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}`
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		r.Header.Set("Content-Length", fmt.Sprint(len(text)))
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	t.Setenv("DOCKER_HOST", strings.Replace(server.URL, "http://", "tcp://", 1))
	again := w.build()
	if !built.Load() || !maps.Equal(again.Config.Labels, loaded.Config.Labels) || again.Config.User != loaded.Config.User {
		t.Errorf("built: %t, labels: %v", built.Load(), again.Config.Labels)
	}
	if n := len(loaded.RootFS.Layers) - 1; !slices.Equal(again.RootFS.Layers[:n], loaded.RootFS.Layers[:n]) {
		t.Errorf("layers: %v, loaded: %v", again.RootFS.Layers, loaded.RootFS.Layers)
	}
	t.Setenv("DOCKER_HOST", "")
	if got := w.cutover("build"); !strings.Contains(got.stdout, "is built already") {
		t.Errorf("exit %d", got.code)
	}
}
