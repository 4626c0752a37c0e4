//go:build integration

package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
)

// Old images go; the last ones, what a container uses and what the configuration says stay.
func TestOldImagesArePruned(t *testing.T) {
	w := newWorkshop(t)
	var refs, ids []string
	for i := range 5 {
		w.put("application.properties", fmt.Sprintf("settings.watt.server.threadPool=%d\n", i))
		got := w.cutover("build", "--no-verify")
		ref, _, _ := strings.Cut(got.stdout, " ")
		built, err := w.engine.ImageInspect(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		refs, ids = append(refs, ref), append(ids, built.ID)
	}
	used, err := w.engine.ContainerCreate(t.Context(), &container.Config{Image: ids[1]}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.engine.ContainerRemove(context.Background(), used.ID, container.RemoveOptions{Force: true})
	})
	w.put("application.properties", "settings.watt.server.threadPool=2\n") // as the third, which then is the present one
	dry := w.cutover("image", "prune", "--keep", "1", "--dry-run")
	for ref, want := range map[string]string{
		refs[0]: "remove image     " + refs[0], refs[1]: "uses it", refs[2]: "it is what the configuration says now", refs[3]: "remove image     " + refs[3], refs[4]: "one of the last 1",
	} {
		if !slices.ContainsFunc(strings.Split(dry.stdout, "\n"), func(line string) bool { return strings.Contains(line, ref) && strings.Contains(line, want) }) {
			t.Errorf("there is no line with %s and %q", ref, want)
		}
	}
	if got := w.cutover("image", "prune", "--keep", "1"); got.code != 1 || !strings.Contains(got.stderr, "say --yes to go ahead") || len(w.images()) != 5 {
		t.Errorf("without a terminal: exit %d", got.code)
	}
	if got := w.cutover("image", "prune", "--keep", "1", "--yes"); got.code != 0 {
		t.Errorf("exit %d", got.code)
	}
	left := w.images()
	if len(left) != 3 || !slices.Contains(left, ids[1]) || !slices.Contains(left, ids[2]) || !slices.Contains(left, ids[4]) {
		t.Errorf("left: %v of %v", left, ids)
	}
}
