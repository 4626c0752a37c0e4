package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// engine is a Docker engine that answers loads as it is told, and knows of no other image.
type engine struct {
	load    func(http.ResponseWriter, *http.Request)
	mu      sync.Mutex
	removed []string
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/_ping"):
		w.Header().Set("API-Version", "1.41")
	case strings.HasSuffix(r.URL.Path, "/info"):
		fmt.Fprint(w, `{"Driver": "overlay2"}`)
	case strings.HasSuffix(r.URL.Path, "/images/load"):
		e.load(w, r)
	case r.Method == http.MethodDelete:
		e.mu.Lock()
		defer e.mu.Unlock()
		e.removed = append(e.removed, r.URL.Path)
		fmt.Fprint(w, `[]`)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message": "no such image"}`)
	}
}

// builtOn is a build of the usual inputs on an engine.
func builtOn(t *testing.T, e *engine) *Build {
	t.Helper()
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	there, err := client.NewClientWithOpts(client.WithHost(strings.Replace(server.URL, "http", "tcp", 1)), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	b := prepared(t)
	b.engine, b.base = there, image.InspectResponse{ID: "sha256:1", Os: "linux", Architecture: "amd64"}
	if b.layer, err = newLayer(b.entries, nil, "0:0", inVendor); err != nil {
		t.Fatal(err)
	}
	return b
}

// What an engine says of a full disk is passed on, and what it may have made is removed.
func TestFullDisk(t *testing.T) {
	for name, load := range map[string]func(http.ResponseWriter, *http.Request){
		"while it loads": func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, `{"errorDetail": {"message": "x"}, "error": "write /var/lib/docker/tmp/layer.tar: no space left on device"}`)
		},
		"before it has read all": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"message": "write /var/lib/docker/tmp/layer.tar: no space left on device"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := &engine{load: load}
			b := builtOn(t, e)
			err := b.Run(t.Context(), nil)
			if err == nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "build fixed:"+b.Fingerprint+": ") ||
				!strings.HasSuffix(err.Error(), "write /var/lib/docker/tmp/layer.tar: no space left on device") {
				t.Errorf("got %v", err)
			}
			if len(e.removed) != 1 || !strings.Contains(e.removed[0], "/images/"+unfinished+":"+b.Fingerprint) {
				t.Errorf("removed: %v", e.removed)
			}
		})
	}
}

// An interrupted build ends the archive early, waits until the engine has refused it, and removes what there may be.
func TestInterruptedWhileLoading(t *testing.T) {
	ctx, interrupt := context.WithCancelCause(t.Context())
	refused := false
	e := &engine{}
	e.load = func(w http.ResponseWriter, r *http.Request) {
		r.Body.Read(make([]byte, 512))
		interrupt(errors.New("interrupted by a test"))
		_, err := io.Copy(io.Discard, r.Body)
		refused = err != nil
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"message": "unexpected EOF"}`)
	}
	b := builtOn(t, e)
	b.layer.entries = append(b.layer.entries, entry{to: "/zz", size: 64 << 20, from: origin{path: "/dev/zero"}})
	if err := b.Run(ctx, nil); err == nil || !strings.Contains(err.Error(), "interrupted by a test") {
		t.Errorf("got %v", err)
	}
	if !refused || len(e.removed) != 1 {
		t.Errorf("the archive was complete: %t, removed %v", !refused, e.removed)
	}
}

// No value of a secret is shown, however the output is cut into pieces.
func TestSecretsAreMasked(t *testing.T) {
	const text = "a hunter2hunter2 b first-line-of-a-key\nsecond-line-of-it c first-line-of-a-key d huntermost"
	for size := 1; size < 40; size++ {
		var shown tail
		m := newMask(&shown, [][]byte{[]byte("hunter2\n"), []byte("first-line-of-a-key\nsecond-line-of-it"), []byte("ab")})
		for at := 0; at < len(text); at += size {
			if _, err := m.Write([]byte(text[at:min(at+size, len(text))])); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.flush(); err != nil {
			t.Fatal(err)
		}
		got := shown.String()
		for _, hidden := range []string{"hunter2", "first-line", "second-line"} {
			if strings.Contains(got, hidden) {
				t.Errorf("in pieces of %d: %s", size, got)
			}
		}
		if !strings.HasPrefix(got, "a ****** b ***") || !strings.HasSuffix(got, " c *** d huntermost") {
			t.Errorf("in pieces of %d: %s", size, got)
		}
	}
}

// A value is found wherever the pieces in which a file is read are cut.
func TestValuesAreFoundAcrossPieces(t *testing.T) {
	values := [][]byte{[]byte("correct-horse"), []byte("battery-staple")}
	for _, at := range []int{0, 1, 64<<10 - 7, 64 << 10, 64<<10 + 5, 200 << 10} {
		text := strings.Repeat("x", at) + "correct-horse" + strings.Repeat("y", 100)
		if found, err := contains(strings.NewReader(text), values); err != nil || !found {
			t.Errorf("at %d: %t, %v", at, found, err)
		}
	}
	if found, err := contains(strings.NewReader(strings.Repeat("correct-hors", 40000)), values); err != nil || found {
		t.Errorf("not there: %t, %v", found, err)
	}
}

func TestBaseOfAnotherPlatform(t *testing.T) {
	base := image.InspectResponse{Os: "linux", Architecture: "arm64", Variant: "v8"}
	for platform, good := range map[string]bool{"": true, "linux/arm64": true, "linux/arm64/v8": true, "linux/amd64": false, "linux/arm64/v7": false} {
		if err := (Spec{Base: "vendor:1", Platform: platform}).checkPlatform(base); (err == nil) != good {
			t.Errorf("%s: %v", platform, err)
		}
	}
}

func TestDigestOfTheBase(t *testing.T) {
	known := []string{"mirror.example/softwareag/apigateway@sha256:" + strings.Repeat("b", 64), "softwareag/apigateway@sha256:" + strings.Repeat("a", 64)}
	for base, want := range map[string]string{
		"softwareag/apigateway:10.15": "sha256:" + strings.Repeat("a", 64), "mirror.example/softwareag/apigateway:10.15": "sha256:" + strings.Repeat("b", 64),
		"other:1": "", "other@sha256:" + strings.Repeat("c", 64): "sha256:" + strings.Repeat("c", 64),
	} {
		if got := digestOf(base, known); got != want {
			t.Errorf("%s: %q, want %q", base, got, want)
		}
	}
}

// A command's secrets count by their names, and how long a command may take not at all.
func TestFingerprintOfCommands(t *testing.T) {
	print := func(c ...Command) string { return fingerprint("sha256:1", "0:0", nil, nil, nil, c) }
	value := func(v string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(v), nil } }
	first := print(Command{Words: []string{"a"}, Secrets: []Secret{{"id", value("1")}}, Timeout: time.Minute})
	if print(Command{Words: []string{"a"}, Secrets: []Secret{{"id", value("2")}}}) != first {
		t.Error("a secret's value or a timeout is in the fingerprint")
	}
	for name, other := range map[string]string{
		"no command": print(), "another": print(Command{Words: []string{"b"}, Secrets: []Secret{{"id", nil}}}), "another user": print(Command{Words: []string{"a"}, User: "0", Secrets: []Secret{{"id", nil}}}),
		"another secret": print(Command{Words: []string{"a"}, Secrets: []Secret{{"di", nil}}}), "twice": print(Command{Words: []string{"a"}, Secrets: []Secret{{"id", nil}}}, Command{Words: []string{"a"}, Secrets: []Secret{{"id", nil}}}),
	} {
		if other == first {
			t.Errorf("%s: the same fingerprint", name)
		}
	}
}

func TestWhatAPlanSaysOfItsImage(t *testing.T) {
	for notes, origin := range map[string]Origin{
		"": {},
		"the image is built on vendor:1 (sha256:1)":                     {Base: "vendor:1", BaseID: "sha256:1", Reproducible: true},
		"the image is built on vendor:1 (sha256:1)\n" + NotReproducible: {Base: "vendor:1", BaseID: "sha256:1"},
	} {
		if got := strings.Join(origin.Notes(), "\n"); got != notes {
			t.Errorf("got %q, want %q", got, notes)
		}
	}
}
