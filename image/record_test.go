package image

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/image"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

func prepared(t *testing.T) *Build {
	t.Helper()
	spec := inputs(t)
	entries, packages, err := spec.collect(vendor, recall(""))
	if err != nil {
		t.Fatal(err)
	}
	b := &Build{Base: "sha256:1", labels: map[string]string{}}
	if err := b.complete(spec, entries, packages); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheRecordIsInTheImage(t *testing.T) {
	b := prepared(t)
	at := slices.IndexFunc(b.entries, func(e entry) bool { return e.to == RecordPath })
	if at < 0 {
		t.Fatal("there is no record")
	}
	var r Record
	if err := json.Unmarshal(b.entries[at].from.text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Files) != 6 || r.Files[0].SHA256 != b.entries[0].sum || r.Fingerprint != b.Fingerprint || r.Base.Name != "vendor:1" {
		t.Errorf("record: %+v", r)
	}
	if listed(r.Packages) != "Billing@1.4,Orders@1.4" || r.Packages[0].Requires["WmPublic"] != "10.*" {
		t.Errorf("packages: %+v", r.Packages)
	}
	if parts := r.Parts(vendor.Packages); len(parts) != 3 || parts[0].Files != 2 || parts[2].Name != "configuration" {
		t.Errorf("parts: %+v", parts)
	}
	if strings.Contains(string(b.entries[at].from.text), "/tmp") {
		t.Error("the record tells where the inputs were")
	}
}

func TestBillOfMaterials(t *testing.T) {
	var first, second bytes.Buffer
	if err := prepared(t).WriteSBOM(&first); err != nil {
		t.Fatal(err)
	}
	if err := prepared(t).WriteSBOM(&second); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Error("the same image has another document")
	}
	var bom struct {
		SpecVersion string
		Components  []struct{ Type, Name, Version string }
	}
	if err := json.Unmarshal(first.Bytes(), &bom); err != nil {
		t.Fatal(err)
	}
	if bom.SpecVersion != "1.6" || len(bom.Components) != 1+2+6 || bom.Components[2].Name != "Orders" || bom.Components[2].Version != "1.4" {
		t.Errorf("%+v", bom)
	}
}

func TestLabels(t *testing.T) {
	base := image.InspectResponse{ID: "sha256:1", Config: &dockerspec.DockerOCIImageConfig{}}
	base.Config.Labels = map[string]string{"vendor": "x", "org.opencontainers.image.revision": "theirs"}
	digest := "sha256:" + strings.Repeat("a", 64)
	spec := Spec{Base: "softwareag/apigateway:10.15.0.18@" + digest, Tag: "ops/gateway:10.15-{{.Fingerprint}}", Labels: map[string]string{"org.opencontainers.image.source": "ours"}}
	got := spec.labels(base, []Package{{Name: "Orders", Version: "1.4"}, {Name: "Billing", Version: "1.2"}})
	for key, want := range map[string]string{
		"vendor": "x", "org.opencontainers.image.revision": "", "org.opencontainers.image.source": "ours", "org.opencontainers.image.title": "gateway",
		"org.opencontainers.image.version": "10.15.0.18", "org.opencontainers.image.base.digest": digest, LabelBase: "sha256:1", LabelPackages: "Billing@1.2,Orders@1.4",
	} {
		if got[key] != want {
			t.Errorf("%s: %q, want %q", key, got[key], want)
		}
	}
	base.Config.Labels["org.opencontainers.image.version"] = "10.15.18"
	if v := spec.labels(base, nil)["org.opencontainers.image.version"]; v != "10.15.18" {
		t.Errorf("the base's own version became %q", v)
	}
}

func TestDifferencesDoNotTellSecrets(t *testing.T) {
	got := changes(map[string]string{"DB_PASSWORD": "old", "HEAP": "1g", "GONE": "x", "SAME": "x"}, map[string]string{"DB_PASSWORD": "new", "HEAP": "2g", "SAME": "x", "NEW": "jdbc:x;password=y"}, shown)
	var text strings.Builder
	Difference{Env: got}.WriteText(&text)
	want := "environment\n  ~ DB_PASSWORD  (not shown) -> (not shown)\n  - GONE  x\n  ~ HEAP  1g -> 2g\n  + NEW  (not shown)\n"
	if text.String() != want {
		t.Errorf("got\n%swant\n%s", text.String(), want)
	}
}
