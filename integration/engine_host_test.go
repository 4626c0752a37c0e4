//go:build integration

package integration

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	dockernetwork "github.com/docker/docker/api/types/network"
)

// The networks of an engine that is a host of its own: the link to it, and what its containers are in. They are of the range
// for benchmarks, which nobody routes.
const (
	linkHere, linkThere = "198.18.77.1", "198.18.77.2"
	subnetThere         = "198.18.78.0/24"
)

// newHost is an engine in a network namespace of its own, to whose containers this machine and the containers of its own
// engine have a route, and back.
func newHost(t *testing.T) *engine {
	t.Helper()
	for _, tool := range []string{"ip", "iptables", "nsenter", "sysctl"} {
		if _, err := exec.LookPath(tool); err != nil || os.Geteuid() != 0 {
			t.Skipf("a second host on this machine needs %s, and root to use it", tool)
		}
	}
	const name, here, there = "cutover-test", "cutover-test-a", "cutover-test-b"
	do(t, "ip netns add "+name, "ip netns del "+name)
	do(t, fmt.Sprintf("ip link add %s type veth peer name %s netns %s", here, there, name), "ip link del "+here)
	do(t, fmt.Sprintf("ip addr add %s/30 dev %s", linkHere, here), "")
	do(t, "ip link set "+here+" up", "")
	for _, command := range []string{
		fmt.Sprintf("addr add %s/30 dev %s", linkThere, there), "link set lo up", "link set " + there + " up", "route add default via " + linkHere,
	} {
		do(t, "ip -n "+name+" "+command, "")
	}
	do(t, "nsenter --net=/run/netns/"+name+" sysctl -qw net.ipv4.ip_forward=1", "")
	do(t, fmt.Sprintf("ip route add %s via %s", subnetThere, linkThere), "")
	for _, direction := range []string{"-s", "-d"} {
		rule := fmt.Sprintf("FORWARD %s %s -j ACCEPT", direction, subnetThere)
		do(t, "iptables -w -I "+rule, "iptables -w -D "+rule)
	}
	// What comes from containers keeps its address, as between hosts of one network.
	do(t, "iptables -w -t nat -I POSTROUTING -d "+subnetThere+" -j ACCEPT", "iptables -w -t nat -D POSTROUTING -d "+subnetThere+" -j ACCEPT")
	return engineIn(t, "nsenter", "--net=/run/netns/"+name)
}

// do runs a command, and another one when the test has ended, and before: a test that was killed has left it to be undone.
func do(t *testing.T, command, undo string) {
	t.Helper()
	run := func(command string) error {
		words := strings.Fields(command)
		if said, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, said)
		}
		return nil
	}
	if undo != "" {
		_ = run(undo)
		t.Cleanup(func() {
			if err := run(undo); err != nil {
				t.Error(err)
			}
		})
	}
	if err := run(command); err != nil {
		t.Fatal(err)
	}
}

// moveTo gives the stack, which has no fleet yet, one on a host of its own. Consul and the load balancers stay where they are.
func (s *stack) moveTo(e *engine, nodes int) {
	s.Helper()
	from := map[string]string{}
	for _, name := range []string{"consul", "datastore", "lb-1", "lb-2"} {
		from[name] = s.address(s.name + "-" + name)
	}
	_, err := e.NetworkCreate(s.Context(), s.network, dockernetwork.CreateOptions{
		Driver: "bridge", IPAM: &dockernetwork.IPAM{Config: []dockernetwork.IPAMConfig{{Subnet: subnetThere}}},
	})
	s.must(err)
	for _, ref := range []string{s.product.old, s.product.fixed} {
		image, err := s.engine.ImageSave(s.Context(), []string{ref})
		s.must(err)
		loaded, err := e.ImageLoad(s.Context(), image)
		s.must(err)
		_, err = io.Copy(io.Discard, loaded.Body) // it is loaded when that ends
		s.must(err)
		loaded.Body.Close()
		image.Close()
	}
	own := s.engine
	s.engine = e.Client // what is asked of the fleet is asked there
	s.Cleanup(func() {
		select {
		case <-e.ended: // its containers may go on
			e.start()
		default:
		}
		if s.Failed() {
			s.keepArtifacts()
			said, _ := os.ReadFile(e.in("log"))
			s.Logf("%s", said)
		}
		s.removeAll()
		s.engine = own
	})
	for i := range nodes {
		name := fmt.Sprintf("%s-gateway-%d", s.name, i+1)
		_, err := e.ContainerCreate(s.Context(), &container.Config{
			Image: s.product.old, Labels: map[string]string{label: s.name, "com.docker.compose.service": "gateway"},
			Env: []string{"DATASTORE=http://" + from["datastore"] + ":9240", "SCHEDULER_NAME=fleet", "GATEWAY_START=500ms", "GATEWAY_QUIESCE_TIME=300ms", "GATEWAY_STOP_TIME=300ms"},
		}, &container.HostConfig{NetworkMode: container.NetworkMode(s.network), RestartPolicy: container.RestartPolicy{Name: "unless-stopped"}},
			&dockernetwork.NetworkingConfig{EndpointsConfig: map[string]*dockernetwork.EndpointSettings{s.network: {}}}, nil, name)
		s.must(err)
		s.must(e.ContainerStart(s.Context(), name, container.StartOptions{}))
		s.fleet = append(s.fleet, name)
		s.register(i+1, name)
	}
	s.awaitServing(s.fleet...)
	s.awaitEngines(s.fleet...)
	s.config["hosts"] = []config{{"name": "second", "docker": e.address, "consul": s.config["consul"].(config)["address"]}}
	for i, balancer := range s.config["load_balancers"].([]config) {
		balancer["from"] = []string{from[fmt.Sprintf("lb-%d", i+1)]}
	}
	s.config["strategy"].(config)["drain"].(config)["checkers"] = []string{from["consul"]}
	s.writeConfig()
}
