//go:build integration

package integration

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What building images costs: it takes minutes and some gigabytes of disk, so only make bench measures it.
func TestImageFigures(t *testing.T) {
	if os.Getenv("CUTOVER_FIGURES") == "" {
		t.Skip("make bench measures this")
	}
	w := newCommandWorkshop(t)
	base := w.largeBase(1800 << 20)
	w.image["base"] = base
	w.fill("Orders/pub", 200)
	var ours, theirs []time.Duration
	var peak int64
	for range 3 {
		w.removeImages()
		w.must(os.RemoveAll(filepath.Join(w.folder, "cache")))
		began := time.Now()
		if got := w.cutover("build", "--no-verify"); got.code != 0 || !strings.Contains(got.stdout, " built: ") {
			t.Fatalf("exit %d", got.code)
		}
		ours, peak = append(ours, time.Since(began)), max(peak, w.peak)
		theirs = append(theirs, w.plainCopy(base))
	}
	ratio := median(ours).Seconds() / median(theirs).Seconds()
	t.Logf("200 MB of packages on a base of 2 GB: cutover build %.1fs, docker build %.1fs (medians of 3), ratio %.2f; peak memory %d MiB",
		median(ours).Seconds(), median(theirs).Seconds(), ratio, peak>>10)
	if ratio > 1 || peak >= 64<<10 {
		t.Errorf("ratio %.2f, want at most 1; %d MiB, want less than 64", ratio, peak>>10)
	}
	w.fill("Billing/pub", 300)
	w.put("Billing/manifest.v3", packageManifest)
	w.image["packages"] = []any{"Orders", "Billing"}
	w.build()
	w.cutover("build") // by now all files are old enough to be remembered
	began := time.Now()
	if got := w.cutover("build"); !strings.Contains(got.stdout, "is built already") {
		t.Fatalf("exit %d", got.code)
	}
	took := time.Since(began)
	t.Logf("nothing to do, with 500 MB of packages: %d ms; peak memory %d MiB", took.Milliseconds(), w.peak>>10)
	if took >= time.Second || w.peak >= 64<<10 {
		t.Errorf("%s, want less than 1s; %d MiB, want less than 64", took, w.peak>>10)
	}
}

// fill writes files of 256 KiB that can't be compressed, so many MiB of them.
func (w *workshop) fill(folder string, mebibytes int) {
	w.Helper()
	random := rand.NewChaCha8([32]byte{1})
	content := make([]byte, 256<<10)
	for i := range 4 * mebibytes {
		random.Read(content)
		w.put(fmt.Sprintf("%s/%d/file%d.bin", folder, i%40, i), string(content))
	}
}

// largeBase makes a base of the workshop's with so many more bytes that can't be compressed, and removes it at the end.
func (w *workshop) largeBase(size int64) string {
	w.Helper()
	const ref = "cutover-test/large-base:1"
	created, err := exec.Command("docker", "create", "--name", "cutover-test-large-base", shellBase, "x").CombinedOutput()
	if err != nil {
		w.Fatalf("%v: %s", err, created)
	}
	defer exec.Command("docker", "rm", "cutover-test-large-base").Run()
	export := exec.Command("docker", "export", "cutover-test-large-base")
	files, err := export.StdoutPipe()
	w.must(err)
	load := exec.Command("docker", "import", "--change", "USER 1724:1724", "--change", "ENV HOME_IS=/opt/softwareag/IntegrationServer/instances/default",
		"--change", `ENTRYPOINT ["/opt/softwareag/IntegrationServer/bin/gateway"]`, "-", ref)
	into, err := load.StdinPipe()
	w.must(err)
	w.must(errors.Join(export.Start(), load.Start()))
	out := tar.NewWriter(into)
	w.must(out.WriteHeader(&tar.Header{Name: "opt/vendor.bin", Mode: 0o644, Size: size}))
	_, err = io.CopyN(out, rand.NewChaCha8([32]byte{2}), size)
	w.must(err)
	for in := tar.NewReader(files); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		w.must(err)
		w.must(out.WriteHeader(header))
		_, err = io.Copy(out, in)
		w.must(err)
	}
	w.must(errors.Join(out.Close(), into.Close(), export.Wait(), load.Wait()))
	w.Cleanup(func() {
		w.removeImages()
		if out, err := exec.Command("docker", "rmi", "-f", ref).CombinedOutput(); err != nil {
			w.Errorf("clean up: %s", out)
		}
	})
	return ref
}

// plainCopy is how long docker build takes for the same package.
func (w *workshop) plainCopy(base string) time.Duration {
	w.Helper()
	const ref = "cutover-test/plain-copy:1"
	w.put("Dockerfile", "FROM "+base+"\nCOPY --chown=1724:1724 Orders /opt/softwareag/IntegrationServer/instances/default/packages/Orders\n")
	w.put(".dockerignore", "*\n!Orders\n!Dockerfile\n")
	began := time.Now()
	if out, err := exec.Command("docker", "build", "--no-cache", "--quiet", "--tag", ref, w.folder).CombinedOutput(); err != nil {
		w.Fatalf("%v: %s", err, out)
	}
	took := time.Since(began)
	if out, err := exec.Command("docker", "rmi", "-f", ref).CombinedOutput(); err != nil {
		w.Errorf("clean up: %s", out)
	}
	return took
}

func (w *workshop) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func median(all []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(all))[len(all)/2]
}
