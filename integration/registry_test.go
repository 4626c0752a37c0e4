//go:build integration

package integration

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	imagetypes "github.com/docker/docker/api/types/image"

	"github.com/cutover/cutover/image"
)

const baseSize = 8 << 20

// newBase imports an image that no engine has, as large as that a layer that travels shows, and returns its id.
func (w *workshop) newBase() string {
	w.Helper()
	content := make([]byte, baseSize) // random: it can't be compressed
	rand.Read(content)
	var archive bytes.Buffer
	out := tar.NewWriter(&archive)
	if err := out.WriteHeader(&tar.Header{Name: "content", Mode: 0o644, Size: baseSize}); err != nil {
		w.Fatal(err)
	}
	out.Write(content)
	out.Close()
	answer, err := w.engine.ImageImport(w.Context(), imagetypes.ImportSource{Source: &archive, SourceName: "-"}, "", imagetypes.ImportOptions{})
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Close()
	var said struct{ Status string }
	if err := json.NewDecoder(answer).Decode(&said); err != nil || !strings.HasPrefix(said.Status, "sha256:") {
		w.Fatalf("import a base: %+v, %v", said, err)
	}
	w.Cleanup(func() {
		w.engine.ImageRemove(context.Background(), said.Status, imagetypes.RemoveOptions{Force: true})
	})
	return said.Status
}

// secretly fails when a command has let the password out.
func (w *workshop) secretly(args ...string) result {
	w.Helper()
	got := w.cutover(args...)
	if strings.Contains(got.stdout+got.stderr, registryPassword) {
		w.Errorf("cutover %v: the password is in what it says", args)
	}
	return got
}

// The whole way of a fixed image: its base comes from a registry, it goes into one without the base travelling once
// more, and comes from there to where it is to run.
func TestFixedImageByRegistry(t *testing.T) {
	w, r := newWorkshop(t), newRegistry(t)
	dockerConfig(t, auths(r.host, registryUser, registryPassword))
	base := r.host + "/vendor/product:10.15"
	r.put(w.newBase(), base)
	w.image = config{"base": base, "tag": r.host + "/ops/product:{{.Fingerprint}}", "files": []any{config{"from": "Orders", "to": "/data/"}}, "push": true}

	if got := w.secretly("build", "--no-verify", "--dry-run"); got.code != 1 || !strings.Contains(got.stderr, base+" is not on this engine") {
		t.Errorf("a dry run with no base: exit %d", got.code)
	}
	r.since()
	got := w.secretly("build", "--no-verify")
	if got.code != 0 || !strings.Contains(got.stdout, "pulled "+r.host+"/vendor/product@"+r.digest("vendor/product", "10.15")+"\n") {
		t.Fatalf("exit %d", got.code)
	}
	_, ref, _ := strings.Cut(got.stdout, "\n")
	ref, _, _ = strings.Cut(ref, " ")
	tag := ref[strings.LastIndex(ref, ":")+1:]
	digest := r.digest("ops/product", tag)
	if digest == "" || !strings.Contains(got.stdout, "pushed "+r.host+"/ops/product@"+digest+" (1 of 2 layers travelled)") {
		t.Errorf("the registry has %q", digest)
	}
	asked, taken := r.since()
	if !strings.Contains(fmt.Sprint(asked), "POST /v2/ops/product/blobs/uploads/?from=vendor%2Fproduct&mount=") || taken > baseSize/10 {
		t.Errorf("%d bytes were uploaded: %v", taken, asked)
	}
	built, err := w.engine.ImageInspect(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	got = w.secretly("build", "--no-verify", "--output", "json")
	var told struct{ Digest string }
	if err := json.Unmarshal([]byte(got.stdout), &told); err != nil || told.Digest != r.host+"/ops/product@"+digest {
		t.Errorf("digest %q, %v", told.Digest, err)
	}
	if got := w.secretly("build", "--no-verify", "--push"); !strings.Contains(got.stdout, told.Digest+" is there already\n") {
		t.Errorf("pushed again: exit %d", got.code)
	}
	t.Logf("two builds with nothing to do: %s", time.Since(began))
	if asked, taken := r.since(); taken > 0 || strings.Contains(fmt.Sprint(asked), "POST") {
		t.Errorf("what is there was uploaded again: %v", asked)
	}

	r.removeImages()
	w.image = config{"ref": told.Digest}
	if got := w.secretly("plan"); got.code != 1 || !strings.Contains(got.stderr, told.Digest+" is not on local: ") || !strings.Contains(got.stderr, "cutover build") {
		t.Errorf("plan without the image: exit %d", got.code)
	}
	if asked, _ := r.since(); len(asked) > 0 {
		t.Errorf("plan has asked the registry: %v", asked)
	}
	if got := w.secretly("build", "--no-verify"); got.code != 0 || !strings.Contains(got.stdout, "pulled "+told.Digest) || !strings.Contains(got.stdout, "nothing to build") {
		t.Errorf("exit %d", got.code)
	}
	if came, err := w.engine.ImageInspect(t.Context(), told.Digest); err != nil || came.ID != built.ID {
		t.Errorf("pulled %s, built %s: %v", came.ID, built.ID, err)
	}
	r.since()
	if got := w.secretly("build", "--no-verify"); got.code != 0 || !strings.Contains(got.stdout, "is there: nothing to build") {
		t.Errorf("exit %d", got.code)
	}
	if asked, _ := r.since(); len(asked) > 0 {
		t.Errorf("what is there was asked for: %v", asked)
	}
}

// Credentials come from where docker login puts them, whether that is a file or a helper.
func TestCredentialHelper(t *testing.T) {
	w, r := newWorkshop(t), newRegistry(t)
	w.image = config{"base": w.newBase(), "tag": r.host + "/ops/product:1", "files": []any{config{"from": "Orders", "to": "/data/"}}}
	w.helper(fmt.Sprintf(`cat > %s/asked; echo '{"ServerURL":"%s","Username":"%s","Secret":"%s"}'`, w.folder, r.host, registryUser, registryPassword))
	dockerConfig(t, map[string]any{"credHelpers": map[string]any{r.host: "test"}})
	if got := w.secretly("build", "--no-verify", "--push"); got.code != 0 || r.digest("ops/product", "1") == "" {
		t.Errorf("exit %d", got.code)
	}
	if asked, err := os.ReadFile(filepath.Join(w.folder, "asked")); err != nil || strings.TrimSpace(string(asked)) != r.host {
		t.Errorf("the helper was asked for %q: %v", asked, err)
	}
}

// helper puts docker-credential-test on the PATH.
func (w *workshop) helper(script string) {
	w.Helper()
	folder := w.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "docker-credential-test"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		w.Fatal(err)
	}
	w.Setenv("PATH", folder+":"+os.Getenv("PATH"))
}

// Each way in which a registry does not take an image has its message, with what to do, and none tells the password.
func TestPushRefused(t *testing.T) {
	w, r := newWorkshop(t), newRegistry(t)
	base := w.newBase()
	quota := func(answer http.ResponseWriter, request *http.Request) bool {
		if request.Method != http.MethodPost {
			return false
		}
		answer.Header().Set("Content-Type", "application/json")
		answer.WriteHeader(http.StatusForbidden)
		io.WriteString(answer, `{"errors":[{"code":"DENIED","message":"adding 8.0 MiB of storage would exceed the quota of 4.0 MiB"}]}`)
		return true
	}
	bridge := elsewhere(t) + ":" + r.port // not 127.0.0.0/8: there an engine insists on TLS
	helper := func(host, name string) map[string]any {
		return map[string]any{"credHelpers": map[string]any{host: name}}
	}
	for name, c := range map[string]struct {
		host   string
		config map[string]any
		refuse func(http.ResponseWriter, *http.Request) bool
		want   []string
	}{
		"wrong password":    {r.host, auths(r.host, registryUser, registryPassword+"x"), nil, []string{r.host + ` refuses user "ops"`, "docker login " + r.host}},
		"no credentials":    {r.host, map[string]any{}, nil, []string{"there are no credentials for " + r.host, "config.json: docker login " + r.host}},
		"nobody there":      {"127.0.0.1:1", map[string]any{}, nil, []string{"can't reach 127.0.0.1:1: is it up"}},
		"no TLS":            {bridge, auths(bridge, registryUser, registryPassword), nil, []string{bridge + " speaks HTTP", "insecure-registries"}},
		"quota":             {r.host, auths(r.host, registryUser, registryPassword), quota, []string{"exceed the quota of 4.0 MiB", "has taken the credentials and not the image"}},
		"no helper":         {r.host, helper(r.host, "nowhere"), nil, []string{"docker-credential-nowhere, which can't be found"}},
		"helper that fails": {r.host, helper(r.host, "test"), nil, []string{"docker-credential-test has failed", "echo " + r.host}},
		"no JSON":           {r.host, map[string]any{"auths": "none"}, nil, []string{"read the credentials for " + r.host, "config.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &workshop{T: t, folder: w.folder, engine: w.engine}
			w.image = config{"base": base, "tag": c.host + "/ops/product:1", "files": []any{config{"from": "Orders", "to": "/data/"}}}
			t.Cleanup(func() {
				w.engine.ImageRemove(context.Background(), c.host+"/ops/product:1", imagetypes.RemoveOptions{})
			})
			w.helper("echo " + registryPassword + "; exit 1")
			dockerConfig(t, c.config)
			r.refuse = c.refuse
			got := w.secretly("build", "--no-verify", "--push")
			if got.code != 1 {
				t.Errorf("exit %d", got.code)
			}
			for _, want := range c.want {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("does not say %q", want)
				}
			}
		})
	}
}

// A push that is given up ends then, not when the registry answers.
func TestPushGivenUp(t *testing.T) {
	w, r := newWorkshop(t), newRegistry(t)
	dockerConfig(t, auths(r.host, registryUser, registryPassword))
	ref := r.host + "/ops/product:1"
	if err := w.engine.ImageTag(t.Context(), w.newBase(), ref); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("given up")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	r.refuse = func(_ http.ResponseWriter, request *http.Request) bool {
		if request.Method != http.MethodPost {
			return false
		}
		cancel(enough)
		<-request.Context().Done() // the engine, too, gives it up
		return true
	}
	if _, err := (image.Carrier{Engine: w.engine}).Push(ctx, ref); !errors.Is(err, enough) || !strings.HasPrefix(err.Error(), "push "+ref+": ") {
		t.Errorf("got %v", err)
	}
	if found := r.digest("ops/product", "1"); found != "" {
		t.Errorf("the registry has %s", found)
	}
}

// elsewhere is an address of this machine, which the engine is on too, that is not 127.0.0.1.
func elsewhere(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if address, ok := one.(*net.IPNet); ok && address.IP.To4() != nil && !address.IP.IsLoopback() {
			return address.IP.String()
		}
	}
	t.Fatal("this machine has no address but 127.0.0.1")
	return ""
}
