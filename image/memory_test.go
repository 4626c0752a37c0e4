package image

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What is unchanged is not read again, however much it is; what changed is, also when its size and its time are the same.
func TestUnchangedInputsAreNotReadAgain(t *testing.T) {
	spec := inputs(t)
	for i := range 2000 {
		put(t, spec.Folder, fmt.Sprintf("Orders/ns/service%d/node.ndf", i), "<Values/>")
	}
	file := filepath.Join(t.TempDir(), "cache/memory.json")
	look := func(want int) {
		t.Helper()
		m := recall(file)
		m.now = func() time.Time { return time.Now().Add(time.Minute) } // as if the inputs had been there for that long
		if _, _, err := spec.collect(vendor, m); err != nil {
			t.Fatal(err)
		}
		if m.unknown != want {
			t.Errorf("%d contents were read, want %d", m.unknown, want)
		}
		m.save()
	}
	look(2006)
	look(0)
	same, err := os.Stat(spec.Properties)
	if err != nil {
		t.Fatal(err)
	}
	put(t, spec.Folder, "application.properties", "settings.watt.server.threadPool=151")
	if err := os.Chtimes(spec.Properties, same.ModTime(), same.ModTime()); err != nil {
		t.Fatal(err)
	}
	look(1)
	zipped(t, spec.Packages[1].Path, "Billing/manifest.v3", "Billing/ns/c")
	look(2)
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	look(2006)
}

// A file system keeps coarse times: of a file that has just been written, its stamp does not tell the next change.
func TestFreshFilesAreReadAgain(t *testing.T) {
	spec := inputs(t)
	spec.Memory = filepath.Join(t.TempDir(), "memory.json")
	for range 2 {
		m := recall(spec.Memory)
		if _, _, err := spec.collect(vendor, m); err != nil || m.unknown != 6 {
			t.Errorf("%d contents were read, %v", m.unknown, err)
		}
		m.save()
	}
}
