package docker

import (
	"reflect"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const oldID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func oldContainer() container.InspectResponse {
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{
			ID: oldID, Name: "/gateway-1",
			State: &container.State{Running: true},
			HostConfig: &container.HostConfig{
				NetworkMode:   "edge",
				RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled}, // as it is while it is stopped
				Binds:         []string{"/srv/licence:/licence:ro"},
				LogConfig:     container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m"}},
				Resources:     container.Resources{Memory: 1 << 30, Ulimits: []*container.Ulimit{{Name: "nofile", Soft: 1024, Hard: 2048}}},
				PortBindings: nat.PortMap{
					"5555/tcp": {{HostIP: "127.0.0.1", HostPort: "5555"}},
					"9999/tcp": {{HostPort: ""}},
				},
			},
		},
		Config: &container.Config{
			Hostname: oldID[:12], Image: "gateway:1",
			Env:        []string{"PATH=/bin", "GATEWAY_VERSION=1", "DATASTORE=http://ds", "SECRET=s3cret"},
			Cmd:        []string{"run"},
			Entrypoint: []string{"/entry"},
			User:       "1724", WorkingDir: "/opt",
			Labels:       map[string]string{"vendor": "sag", "com.docker.compose.service": "gateway", "com.docker.compose.config-hash": "abc"},
			ExposedPorts: nat.PortSet{"5555/tcp": {}, "4444/tcp": {}},
			Volumes:      map[string]struct{}{"/logs": {}},
			Healthcheck:  &dockerspec.HealthcheckConfig{Test: []string{"CMD", "old-check"}},
		},
		NetworkSettings: &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{
			"edge":  {Aliases: []string{"gateway", oldID[:12], "gateway-1"}, IPAddress: "172.18.0.5", MacAddress: "02:42:ac:12:00:05", NetworkID: "n1"},
			"store": {Aliases: []string{"gw-store", oldID[:12]}, IPAddress: "172.19.0.5", NetworkID: "n2"},
		}},
	}
}

func oldImage() *dockerspec.DockerOCIImageConfig {
	return &dockerspec.DockerOCIImageConfig{
		ImageConfig: ocispec.ImageConfig{
			Env: []string{"PATH=/bin", "GATEWAY_VERSION=1"}, Cmd: []string{"run"}, Entrypoint: []string{"/entry"},
			User: "1724", WorkingDir: "/opt", Labels: map[string]string{"vendor": "sag"},
			ExposedPorts: map[string]struct{}{"5555/tcp": {}}, Volumes: map[string]struct{}{"/logs": {}},
		},
		DockerOCIImageConfigExt: dockerspec.DockerOCIImageConfigExt{Healthcheck: &dockerspec.HealthcheckConfig{Test: []string{"CMD", "old-check"}}},
	}
}

func testClone(t *testing.T, old container.InspectResponse, image *dockerspec.DockerOCIImageConfig) clone {
	t.Helper()
	c, err := cloneOf(old, image, "gateway-1.7f3a", "gateway:2",
		facts{RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped}, Ports: map[nat.Port][]int{"5555/tcp": {5601}}},
		Options{Service: "api-gateway", Rollout: "7f3a", SetEnv: map[string]string{"SCHEDULER_NAME": "{{.Name}}"}, UnsetEnv: []string{"SECRET"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Inspect returns the merged configuration: what the old image supplied must not be carried to the new one.
func TestCloneSubtractsTheOldImage(t *testing.T) {
	c := testClone(t, oldContainer(), oldImage())
	want := container.Config{
		Image: "gateway:2", Env: []string{"DATASTORE=http://ds", "SCHEDULER_NAME=gateway-1.7f3a"},
		Labels: map[string]string{
			"com.docker.compose.service": "gateway", "com.docker.compose.config-hash": "abc",
			LabelService: "api-gateway", LabelRollout: "7f3a", LabelReplaces: "gateway-1", LabelBase: "gateway-1",
		},
		ExposedPorts: nat.PortSet{"4444/tcp": {}}, Volumes: map[string]struct{}{},
	}
	if !reflect.DeepEqual(*c.config, want) {
		t.Errorf("got  %+v\nwant %+v", *c.config, want)
	}
}

// What somebody said when the old container was created stays, even where the image says something else.
func TestCloneKeepsWhatWasSaid(t *testing.T) {
	old := oldContainer()
	old.Config.Env[1] = "GATEWAY_VERSION=mine"
	old.Config.Cmd = []string{"run", "--debug"}
	old.Config.User = "0"
	old.Config.Hostname = "gw"
	old.Config.Healthcheck = &dockerspec.HealthcheckConfig{Test: []string{"CMD", "my-check"}}
	c := testClone(t, old, oldImage())
	if c.config.Env[0] != "GATEWAY_VERSION=mine" || len(c.config.Cmd) != 2 || c.config.User != "0" || c.config.Hostname != "gw" || c.config.Healthcheck.Test[1] != "my-check" {
		t.Errorf("got %+v", *c.config)
	}
}

// An overridden entrypoint makes Docker forget the image's command: the clone must carry both as they were.
func TestCloneOfAnOverriddenEntrypointKeepsTheCommand(t *testing.T) {
	old := oldContainer()
	old.Config.Entrypoint = []string{"/mine"}
	c := testClone(t, old, oldImage())
	if !reflect.DeepEqual([]string(c.config.Entrypoint), []string{"/mine"}) || !reflect.DeepEqual([]string(c.config.Cmd), []string{"run"}) {
		t.Errorf("entrypoint %v, command %v", c.config.Entrypoint, c.config.Cmd)
	}
}

func TestCloneOfTheHostConfig(t *testing.T) {
	c := testClone(t, oldContainer(), oldImage())
	if c.host.RestartPolicy.Name != container.RestartPolicyUnlessStopped {
		t.Errorf("restart policy %q: it must be the original one, not the one of a stopped container", c.host.RestartPolicy.Name)
	}
	want := nat.PortMap{"5555/tcp": {{HostIP: "127.0.0.1", HostPort: "5601"}}, "9999/tcp": {{HostPort: ""}}}
	if !reflect.DeepEqual(c.host.PortBindings, want) {
		t.Errorf("ports: got %v, want %v", c.host.PortBindings, want)
	}
	if c.host.Memory != 1<<30 || c.host.LogConfig.Config["max-size"] != "10m" || len(c.host.Ulimits) != 1 || len(c.host.Binds) != 1 {
		t.Errorf("limits, log driver or mounts are missing: %+v", c.host)
	}
}

func TestCloneOfTheNetworks(t *testing.T) {
	c := testClone(t, oldContainer(), oldImage())
	if c.network != "edge" || len(c.networks) != 2 {
		t.Fatalf("networks: %s of %v", c.network, c.networks)
	}
	edge := c.networks["edge"]
	if !reflect.DeepEqual(edge.Aliases, []string{"gateway"}) || edge.IPAddress != "" || edge.MacAddress != "" || edge.IPAMConfig != nil {
		t.Errorf("edge: %+v", edge)
	}
}

func TestSideBySideRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*container.InspectResponse)
		share  []string
		want   string
	}{
		"as it is":          {func(*container.InspectResponse) {}, nil, ""},
		"host network":      {func(c *container.InspectResponse) { c.HostConfig.NetworkMode = "host" }, nil, "host's network"},
		"another's network": {func(c *container.InspectResponse) { c.HostConfig.NetworkMode = "container:x" }, nil, "network of another container"},
		"static address": {func(c *container.InspectResponse) {
			c.NetworkSettings.Networks["edge"].IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: "172.18.0.5"}
		}, nil, "static address 172.18.0.5"},
		"not on the network":                     {func(c *container.InspectResponse) { delete(c.NetworkSettings.Networks, "edge") }, nil, `not on the network "edge"`},
		"removes itself":                         {func(c *container.InspectResponse) { c.HostConfig.AutoRemove = true }, nil, "--rm"},
		"writable volume":                        {func(c *container.InspectResponse) { mounts(c, "data", true, true) }, nil, "writes to data"},
		"read-only volume":                       {func(c *container.InspectResponse) { mounts(c, "data", false, true) }, nil, ""},
		"shared by intention":                    {func(c *container.InspectResponse) { mounts(c, "data", true, true) }, []string{"data"}, ""},
		"anonymous volume":                       {func(c *container.InspectResponse) { mounts(c, oldID, true, false) }, nil, ""},
		"anonymous volume, handed on by Compose": {func(c *container.InspectResponse) { mounts(c, oldID, true, true) }, nil, "writes to " + oldID},
		"volumes of another container": {func(c *container.InspectResponse) {
			mounts(c, oldID, true, false)
			c.HostConfig.VolumesFrom = []string{"data-container"}
		}, nil, "writes to " + oldID},
		"writable host folder": {func(c *container.InspectResponse) {
			c.Mounts = []container.MountPoint{{Type: mount.TypeBind, Source: "/srv/data", RW: true}}
		}, nil, "writes to /srv/data"},
		"a tmpfs is its own": {func(c *container.InspectResponse) {
			c.Mounts = []container.MountPoint{{Type: mount.TypeTmpfs, RW: true}}
		}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			old := oldContainer()
			test.change(&old)
			problems := sideBySide(old, Options{Network: "edge", Share: test.share})
			switch {
			case test.want == "" && len(problems) > 0:
				t.Errorf("refused: %v", problems)
			case test.want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), test.want) || !strings.Contains(problems[0].Error(), "gateway-1")):
				t.Errorf("got %v, want %q", problems, test.want)
			}
		})
	}
}

// mounts gives a container a volume, by name or made for it alone.
func mounts(c *container.InspectResponse, name string, writable, named bool) {
	if named {
		c.HostConfig.Binds = append(c.HostConfig.Binds, name+":/data")
	}
	c.Mounts = append(c.Mounts, volume(name, writable))
}

func volume(name string, writable bool) container.MountPoint {
	return container.MountPoint{Type: mount.TypeVolume, Name: name, Source: "/var/lib/docker/volumes/" + name, Destination: "/data", RW: writable}
}

func TestFixedPortsMoveIntoTheRange(t *testing.T) {
	plan := &portPlan{free: []int{5601, 5602}}
	moved, err := plan.move(oldContainer())
	if err != nil || !reflect.DeepEqual(moved, map[nat.Port][]int{"5555/tcp": {5601}}) {
		t.Errorf("got %v, %v", moved, err)
	}
	if _, err := (&portPlan{}).move(oldContainer()); err == nil || !strings.Contains(err.Error(), "containers.port_range") {
		t.Errorf("without a range: %v", err)
	}
}

func TestNamesAreOrderedAsPeopleCount(t *testing.T) {
	for _, names := range [][2]string{{"gateway-2", "gateway-10"}, {"a", "b"}, {"gateway-1", "gateway-1.7f3a"}} {
		if compareNames(names[0], names[1]) >= 0 || compareNames(names[1], names[0]) <= 0 || compareNames(names[0], names[0]) != 0 {
			t.Errorf("%s does not come before %s", names[0], names[1])
		}
	}
}
