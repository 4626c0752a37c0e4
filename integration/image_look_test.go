//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/cutover/cutover/image"
)

// What is wrong is said before anything is made, all of it at a time, and nothing is left of looking.
func TestBadImagesAreRefused(t *testing.T) {
	w := newWorkshop(t)
	w.put("Billing/manifest.v3", `<Values version="2.0"><value name="version">1.0</value><record name="requires" javaclass="com.wm.util.Values"><value name="WmDB">10.15</value><value name="WmPublic">99.0</value></record></Values>`)
	w.put("WmAdmin/manifest.v3", packageManifest)
	w.put("application.properties", "settings.watt.server.threadPool=150\nuser.Administrator.password=hunter2\n")
	w.image["packages"] = []any{"Orders", "Billing", "WmAdmin"}
	got := w.cutover("build")
	for _, want := range []string{
		"application.properties:2: user.Administrator.password has a literal value",
		"Billing depends on WmDB 10.15, which is neither in the base nor given",
		"Billing depends on WmPublic 99.0, and the image would have 10.15",
		"WmAdmin is also in the base, version 10.15",
	} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if got.code != 1 || strings.Contains(got.stderr, "hunter2") {
		t.Errorf("exit %d", got.code)
	}
	w.put("Billing/manifest.v3", packageManifest)
	w.image["packages"] = []any{"[OB]*", config{"path": "WmAdmin", "override": true}}
	w.image["allow_secrets"] = []string{"user.Administrator.password"}
	if got := w.cutover("build"); got.code != 0 || !strings.Contains(got.stdout, "WmAdmin@1.4 (in place of the base's 10.15)") {
		t.Errorf("build: exit %d", got.code)
	}
	w.nothingLeft()
}

// A package that replaces one of the base's does so as a whole: no file of the vendor's is left in it.
func TestOverrideReplacesTheWholePackage(t *testing.T) {
	w := newWorkshop(t)
	w.put("WmAPIGateway/manifest.v3", packageManifest)
	w.put("WmAPIGateway/ns/own/node.ndf", "<Values/>")
	w.image["packages"] = []any{"Orders", config{"path": "WmAPIGateway", "override": true}}
	built := w.build()
	got := w.cutover("image", "diff", gatewayBase, built.ID)
	for _, want := range []string{
		"  ~ WmAPIGateway  10.15 -> 1.4\n", "WmAPIGateway/ns/own/node.ndf", "  - /opt/softwareag/IntegrationServer/instances/default/packages/WmAPIGateway/config/resources/elasticsearch/config.properties",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("missing: %q", want)
		}
	}
	if strings.Contains(got.stdout, ".wh.") || strings.Contains(got.stdout, "WmPublic") {
		t.Error("there is more than was asked for")
	}
}

func (w *workshop) nothingLeft() {
	w.Helper()
	left, err := w.engine.ContainerList(w.Context(), container.ListOptions{All: true, Filters: labelled(image.LabelLook)})
	if err != nil || len(left) > 0 {
		w.Errorf("left over from looking: %v, %v", left, err)
	}
}

// A dry run says what would be, and makes nothing; the image then has just that, and says so itself.
func TestImageIsInspectable(t *testing.T) {
	w := newWorkshop(t)
	dry := w.cutover("build", "--dry-run", "--output", "json")
	var said struct {
		Image, Fingerprint string
		Built, There       bool
		Files              int
	}
	if err := json.Unmarshal([]byte(dry.stdout), &said); err != nil || said.Built || said.There || said.Files != 3 {
		t.Fatalf("%v: %+v", err, said)
	}
	if made := w.made(said.Fingerprint); len(made) > 0 {
		t.Errorf("a dry run made %v", made)
	}
	built := w.build()
	for key, want := range map[string]string{
		image.LabelFingerprint: said.Fingerprint, image.LabelPackages: "Orders@1.4", "org.opencontainers.image.version": "10.15.0.18",
		"org.opencontainers.image.title": stackName(t.Name()), "org.opencontainers.image.base.name": gatewayBase,
	} {
		if built.Config.Labels[key] != want {
			t.Errorf("label %s: %q, want %q", key, built.Config.Labels[key], want)
		}
	}
	if got := w.cutover("build", "--sbom", "sbom.json"); got.code != 0 {
		t.Fatalf("exit %d", got.code)
	}
	if sbom, err := os.ReadFile(filepath.Join(w.folder, "sbom.json")); err != nil || !strings.Contains(string(sbom), `"name": "Orders"`) {
		t.Errorf("sbom: %v\n%s", err, sbom)
	}
	w.nothingLeft()
}

// A key that Integration Server is not known to read is a remark of build and of check.
func TestUnknownKeysAreRemarks(t *testing.T) {
	w := newWorkshop(t)
	w.put("application.properties", "settings.watt.server.threadPool=150\nsettingasset.watt.x=1\n")
	const want = "not known to Integration Server, misspelt? application.properties:2: settingasset.watt.x"
	if got := w.cutover("build", "--dry-run"); got.code != 0 || !strings.Contains(got.stdout, want) {
		t.Errorf("build: exit %d", got.code)
	}
	if got := w.cutover("check"); !strings.Contains(got.stdout, "remark: "+want) {
		t.Errorf("check: exit %d", got.code)
	}
}

func TestImageDiff(t *testing.T) {
	w := newWorkshop(t)
	first := w.build()
	w.put("Orders/manifest.v3", strings.Replace(packageManifest, "1.4", "1.5", 1))
	w.put("application.properties", "settings.watt.server.threadPool=200\n")
	w.put("extra", "x")
	w.image["files"] = []any{config{"from": "extra", "to": "/etc/extra"}}
	second := w.build()
	got := w.cutover("image", "diff", first.ID, second.ID)
	for _, want := range []string{"  ~ Orders  1.4 -> 1.5\n", "  + /etc/extra  ", "  ~ settings.watt.server.threadPool  150 -> 200\n", "label io.cutover.packages  Orders@1.4 -> Orders@1.5"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("missing: %q", want)
		}
	}
	if strings.Contains(got.stdout, "node.ndf") {
		t.Error("a file that is the same is named")
	}
	running, err := w.engine.ContainerCreate(t.Context(), &container.Config{Image: second.ID, Env: []string{"HEAP=2g"}}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.engine.ContainerRemove(context.Background(), running.ID, container.RemoveOptions{Force: true})
	})
	var difference image.Difference
	inside := w.cutover("image", "diff", second.ID, running.ID, "--output", "json")
	if err := json.Unmarshal([]byte(inside.stdout), &difference); err != nil || len(difference.Env) != 1 || len(difference.Packages)+len(difference.Files)+len(difference.Config) > 0 {
		t.Errorf("%v: %+v", err, difference)
	}
	if got := w.cutover("image", "diff", gatewayBase, first.ID); !strings.Contains(got.stdout, "  + Orders  1.4\n") {
		t.Errorf("the base and the image: exit %d", got.code)
	}
	if got := w.cutover("image", "diff", "no-such", first.ID); got.code != 1 || !strings.Contains(got.stderr, "neither a container nor an image") {
		t.Errorf("no such image: exit %d", got.code)
	}
	w.nothingLeft()
}
