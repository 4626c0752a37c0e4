package docker

import (
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

// Only what goes with its container must be empty: what is on a volume with a name, or on the host, stays.
func TestStoresOnMountsOutliveTheirContainer(t *testing.T) {
	const name = "9c1f0e7d2b3a4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5"
	for store, test := range map[string]struct {
		mount container.MountPoint
		want  bool
	}{
		"/is/DocumentStore": {container.MountPoint{Type: mount.TypeVolume, Name: "orders", Destination: "/is/DocumentStore"}, true},
		"/is/XAStore":       {container.MountPoint{Type: mount.TypeBind, Destination: "/is/"}, true},
		"/is/Other":         {container.MountPoint{Type: mount.TypeBind, Destination: "/is/Oth"}, false},
		"/is/Anonymous":     {container.MountPoint{Type: mount.TypeVolume, Name: name, Destination: "/is/Anonymous"}, false},
	} {
		if got := outlives(container.InspectResponse{Mounts: []container.MountPoint{test.mount}}, store); got != test.want {
			t.Errorf("%s on %+v: %t", store, test.mount, got)
		}
	}
}
