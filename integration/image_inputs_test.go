//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever is wrong with what goes in: one message, on one line, and nothing made.
func TestBadInputsMakeNothing(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*workshop)
		want   string
	}{
		"a broken zip": {func(w *workshop) {
			w.put("Broken.zip", "PK\x03\x04 and no more")
			w.image["packages"] = []any{"Orders", "Broken.zip"}
		}, "image.packages: Broken.zip: it is neither a folder nor a zip that can be read: make the zip anew"},
		"a path outside": {func(w *workshop) {
			w.image["files"] = []config{{"from": "../../../../../../../etc/hostname", "to": "/etc/x"}}
		}, "it leads to /etc/hostname, which is outside of"},
		"a link that escapes": {func(w *workshop) {
			w.must(os.Symlink("/etc", filepath.Join(w.folder, "escape")))
			w.image["files"] = []config{{"from": "escape/hostname", "to": "/etc/x"}}
		}, "image.files: escape/hostname: it leads to /etc/hostname, which is outside of"},
		"a link in a package": {func(w *workshop) {
			w.must(os.Symlink("/etc/hostname", filepath.Join(w.folder, "Orders/pub")))
		}, "Orders/pub is a symbolic link"},
		"a missing file":         {func(w *workshop) { w.image["properties"] = "gone.properties" }, "gone.properties: no such file or directory"},
		"an unreadable manifest": {func(w *workshop) { w.put("Orders/manifest.v3", "\x00\xff") }, "image.packages: Orders: its manifest.v3 can't be read"},
		"no base":                {func(w *workshop) { w.image["base"] = "127.0.0.1:1/no/such:1" }, "image.base: "},
		"a base of another platform": {
			func(w *workshop) { w.image["platform"] = "linux/s390x" },
			"image.base: " + gatewayBase + " on this engine is for linux/amd64, and image.platform is linux/s390x: docker pull --platform linux/s390x " + gatewayBase,
		},
		"a link of the base": {func(w *workshop) {
			w.image["base"] = "debian:bookworm-slim"
			w.image["packages"], w.image["properties"] = []any{}, ""
			w.put("x", "x")
			w.image["files"] = []config{{"from": "x", "to": "/var/run/cutover/x"}}
		}, "look into image.base debian:bookworm-slim for /var/run: it is a symbolic link there: put the file below /run, where it leads"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			test.change(w)
			got := w.cutover("build")
			if got.code != 1 || !strings.Contains(got.stderr, test.want) || strings.Count(got.stderr, "\n") != 1 {
				t.Errorf("exit %d, want %q", got.code, test.want)
			}
			if made := w.images(); len(made) > 0 {
				t.Errorf("images: %v", made)
			}
			w.settled()
		})
	}
}
