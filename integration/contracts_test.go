//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/cutovertest"
	"github.com/cutover/cutover/cutover/docker"
	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/consul"
	"github.com/cutover/cutover/lb/haproxy"
	"github.com/cutover/cutover/lb/lbtest"
)

// The suites that fakes pass in the unit tests, on the real things.
func TestContracts(t *testing.T) {
	s := newStack(t, options{nodes: 3})
	t.Run("HAProxy", s.haproxyContract)
	t.Run("idle clients and requests in flight across a removal", s.removalContract)
	t.Run("Consul", s.consulContract)
	t.Run("members", s.membersContract)
	t.Run("containers", s.containersContract)
	t.Run("Docker's health check is waited for", s.dockerHealth)
}

func (s *stack) balancer(t *testing.T, name string) *haproxy.Balancer {
	t.Helper()
	b, err := haproxy.New(haproxy.Config{Name: name, Stats: "tcp://" + s.ports[name+":9999"], Master: "tcp://" + s.ports[name+":9998"]})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s *stack) endpoint(containerName string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(s.address(containerName)), 5555)
}

func (s *stack) haproxyContract(t *testing.T) {
	unreachable, err := haproxy.New(haproxy.Config{Name: "lb-9", Stats: "tcp://127.0.0.1:1", Master: "tcp://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	lbtest.Balancer(t, lbtest.BalancerFixture{
		Balancer: s.balancer(t, "lb-1"), Up: s.endpoint(s.fleet[0]),
		Absent: netip.MustParseAddrPort("192.0.2.1:5555"), Unreachable: unreachable, CanHold: true,
	})
}

// removalContract takes the last node away as consul-template does it: by a reload.
func (s *stack) removalContract(t *testing.T) {
	name := s.fleet[2]
	c, err := s.engine.ContainerInspect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	balancer, at := s.balancer(t, "lb-1"), s.endpoint(name)
	lbtest.Removal(t, lbtest.RemovalFixture{
		Balancer: balancer, Front: s.ports["lb-1:8080"], Server: at,
		Path: "/gateway/hello", Slow: "/gateway/hello?sleep=1s",
		Served: func(r *http.Response) bool { return r.Header.Get("X-Node") == c.Config.Hostname },
		Remove: func(t *testing.T) {
			if err := s.consul.Agent().EnableServiceMaintenance("gw-3", "test"); err != nil {
				t.Fatal(err)
			}
			s.await(20*time.Second, "the running worker to follow Consul", func() bool {
				view, err := balancer.Look(t.Context(), []netip.AddrPort{at})
				if err != nil {
					return false
				}
				return !slices.ContainsFunc(view.Workers, func(w lb.Worker) bool { return !w.Old && len(w.Servers) > 0 })
			})
		},
	})
	if err := s.consul.Agent().DisableServiceMaintenance("gw-3"); err != nil {
		t.Fatal(err)
	}
	s.awaitServing(s.fleet...)
}

func (s *stack) agent(t *testing.T) *consul.Agent {
	t.Helper()
	agent, err := consul.New(consul.Config{Address: "http://" + s.ports["consul:8500"]})
	if err != nil {
		t.Fatal(err)
	}
	return agent
}

func (s *stack) consulContract(t *testing.T) {
	unreachable, err := consul.New(consul.Config{Address: "http://127.0.0.1:1", Token: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	lbtest.Intent(t, lbtest.IntentFixture{
		Intent: s.agent(t), Address: s.address(s.name + "-datastore"), Port: 9240,
		Unreachable: unreachable, Name: "127.0.0.1:1", Secret: "s3cret",
	})
}

// membersContract takes a member that somebody else registered down the ladder and up again.
func (s *stack) membersContract(t *testing.T) {
	target := s.fleet[0]
	fleet := s.dockerFleet()
	var adopted []lb.Registration
	members, err := lb.New(lb.Config{
		Services: []lb.Service{{
			Name: "api-gateway", Port: 5555,
			Check: lb.Check{HTTP: "/rest/apigateway/health", Interval: 500 * time.Millisecond, Timeout: time.Second},
		}},
		Balancers: []lb.Balancer{s.balancer(t, "lb-1"), s.balancer(t, "lb-2")},
		Locate:    fleet.Locate, Agent: func(string) lb.Intent { return s.agent(t) },
		Known: func(string) []lb.Registration { return adopted }, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	state, registrations, detail, err := members.Survey(t.Context(), target)
	if err != nil || state != cutover.Serving || len(registrations) != 1 {
		t.Fatalf("survey: %s, %v, %s, %v", state, registrations, detail, err)
	}
	adopted = registrations
	cutovertest.Resource(t, cutovertest.ResourceFixture{
		Resource: members, Target: target, From: cutover.Serving,
		Walk: []cutover.State{cutover.Drained, cutover.Out, cutover.Drained, cutover.Serving},
	})
	services, err := s.consul.Agent().Services()
	if err != nil {
		t.Fatal(err)
	}
	if again := services["gw-1"]; again == nil || again.Meta["owner"] != "integration" || again.Weights.Passing != 10 {
		t.Errorf("what was adopted did not come back: %+v", again)
	}
}

func (s *stack) dockerOptions() docker.Options {
	return docker.Options{
		Service: "api-gateway", Rollout: "c0de", Host: "local", Network: s.network, StopTimeout: 20 * time.Second,
		Label: label + "=" + s.name + ",special=yes", Ports: []int{25600, 25601}, SetEnv: map[string]string{"SCHEDULER_NAME": "{{.Name}}"},
	}
}

func (s *stack) dockerFleet() *docker.Fleet {
	return docker.NewFleet(s.engine, s.dockerOptions(), nil)
}

// containersContract clones a container that has something of everything.
func (s *stack) containersContract(t *testing.T) {
	old := s.specialContainer(t)
	fleet := s.dockerFleet()
	image, err := fleet.Image(t.Context(), "cutover-demo/gateway:10.15.0.18")
	if err != nil {
		t.Fatal(err)
	}
	nodes, problems, err := fleet.Find(t.Context(), image.ID)
	if err != nil || len(problems) > 0 || len(nodes) != 1 {
		t.Fatalf("find: %v, %v, %v", nodes, problems, err)
	}
	nodes[0].Member, nodes[0].Workload = cutover.Serving, cutover.Active
	plan, err := cutover.Build(cutover.Spec{Service: "api-gateway", Rollout: "c0de", Image: image}, cutover.World{Nodes: nodes})
	if err != nil {
		t.Fatal(err)
	}
	fresh := plan.New(old)
	var stopAsked time.Time // as the journal would know it
	containers := docker.NewContainers(fleet, plan, func(target string) cutover.Moment {
		if target == old {
			return cutover.Moment{At: stopAsked}
		}
		return cutover.Moment{}
	}, time.Now)
	cutovertest.Resource(t, cutovertest.ResourceFixture{
		Resource: containers, Target: fresh, From: cutover.Absent,
		Walk: []cutover.State{cutover.Stopped, cutover.Healthy},
	})
	t.Run("the clone", func(t *testing.T) { s.isClone(t, old, fresh) })
	if note, err := fleet.ComposeNote(t.Context(), plan); err != nil || note != "" {
		t.Errorf("a note on Compose for a container that it did not make: %q, %v", note, err)
	}
	cutovertest.Resource(t, cutovertest.ResourceFixture{
		Resource: containers, Target: old, From: cutover.Healthy,
		Walk: []cutover.State{cutover.Stopped, cutover.Healthy},
	})
	t.Run("a stop that is under way can't be taken back", func(t *testing.T) {
		stopAsked = time.Now()
		if seen, err := containers.Observe(t.Context(), old); err != nil || seen.State == cutover.Healthy {
			t.Errorf("observed %+v, %v", seen, err)
		}
		cutovertest.Resource(t, cutovertest.ResourceFixture{Resource: containers, Target: old, Walk: []cutover.State{cutover.Healthy}})
		c, err := s.engine.ContainerInspect(t.Context(), old)
		if err != nil || c.State.StartedAt < stopAsked.UTC().Format(time.RFC3339Nano) {
			t.Errorf("it is still in the life in which it was asked to stop: %s, %v", c.State.StartedAt, err)
		}
	})
	c, err := s.engine.ContainerInspect(t.Context(), old)
	if err != nil || c.HostConfig.RestartPolicy.Name != container.RestartPolicyAlways {
		t.Errorf("restart policy of the old one after its return: %v, %v", c.HostConfig.RestartPolicy, err)
	}
	cutovertest.Resource(t, cutovertest.ResourceFixture{
		Resource: containers, Target: fresh, From: cutover.Healthy,
		Walk: []cutover.State{cutover.Stopped, cutover.Absent},
	})
}

// specialContainer is made by hand: two networks, published ports of both kinds, limits, a command of its own.
func (s *stack) specialContainer(t *testing.T) string {
	t.Helper()
	ctx := t.Context()
	second := s.name + "-second"
	if _, err := s.engine.NetworkCreate(ctx, second, network.CreateOptions{Labels: map[string]string{label: s.name}}); err != nil {
		t.Fatal(err)
	}
	name := s.name + "-special"
	created, err := s.engine.ContainerCreate(ctx,
		&container.Config{
			Image: "cutover-demo/gateway:10.15.0.17", Env: []string{"GATEWAY_START=100ms", "DATASTORE=http://datastore:9240", "SCHEDULER_NAME=fleet"},
			Labels: map[string]string{label: s.name, "special": "yes"}, ExposedPorts: nat.PortSet{"4444/tcp": {}},
		},
		&container.HostConfig{
			NetworkMode: container.NetworkMode(s.network), RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyAlways},
			Resources:    container.Resources{Memory: 256 << 20, Ulimits: []*container.Ulimit{{Name: "nofile", Soft: 2000, Hard: 3000}}},
			LogConfig:    container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m"}},
			PortBindings: nat.PortMap{"5555/tcp": {{HostIP: "127.0.0.1", HostPort: "25555"}}, "9999/tcp": {{HostIP: "127.0.0.1"}}},
		},
		&network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{s.network: {Aliases: []string{"special"}}}}, nil, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.engine.NetworkConnect(ctx, second, created.ID, &network.EndpointSettings{Aliases: []string{"special-two"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.engine.ContainerStart(ctx, created.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	s.await(20*time.Second, "the special container's gateway", func() bool {
		response, err := http.Get("http://127.0.0.1:25555/rest/apigateway/health")
		if err == nil {
			response.Body.Close()
		}
		return err == nil && response.StatusCode == http.StatusOK
	})
	return name
}

// dockerHealth observes a container whose health check passes only once a file is there.
func (s *stack) dockerHealth(t *testing.T) {
	ctx := t.Context()
	created, err := s.engine.ContainerCreate(ctx, &container.Config{
		Image: "debian:bookworm-slim", Cmd: []string{"sleep", "120"}, Labels: map[string]string{label: s.name, "special": "health"},
		Healthcheck: &container.HealthConfig{Test: []string{"CMD-SHELL", "test -e /tmp/healthy"}, Interval: 200 * time.Millisecond},
	}, &container.HostConfig{NetworkMode: container.NetworkMode(s.network)}, nil, nil, s.name+"-health")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.engine.ContainerStart(ctx, created.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	o := s.dockerOptions()
	o.Label = label + "=" + s.name + ",special=health"
	fleet := docker.NewFleet(s.engine, o, nil)
	look := func() cutover.Node {
		nodes, _, err := fleet.Find(ctx, "")
		if err != nil || len(nodes) != 1 {
			t.Fatalf("find: %v, %v", nodes, err)
		}
		return nodes[0]
	}
	if node := look(); node.Container == cutover.Healthy || !strings.Contains(node.Detail, "health check") {
		t.Errorf("before its health check has passed: %q, %q", node.Container, node.Detail)
	}
	made, err := s.engine.ContainerExecCreate(ctx, created.ID, container.ExecOptions{Cmd: []string{"touch", "/tmp/healthy"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.engine.ContainerExecStart(ctx, made.ID, container.ExecStartOptions{}); err != nil {
		t.Fatal(err)
	}
	s.await(20*time.Second, "Docker's health check to pass", func() bool { return look().Container == cutover.Healthy })
}

func (s *stack) isClone(t *testing.T, oldName, newName string) {
	inspect := func(name string) container.InspectResponse {
		c, err := s.engine.ContainerInspect(context.WithoutCancel(t.Context()), name)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	old, fresh := inspect(oldName), inspect(newName)
	same := func(what string, a, b any) {
		t.Helper()
		was, _ := json.Marshal(a)
		is, _ := json.Marshal(b)
		if string(was) != string(is) {
			t.Errorf("%s: was %s, is %s", what, was, is)
		}
	}
	same("memory", old.HostConfig.Memory, fresh.HostConfig.Memory)
	same("ulimits", old.HostConfig.Ulimits, fresh.HostConfig.Ulimits)
	same("log driver", old.HostConfig.LogConfig, fresh.HostConfig.LogConfig)
	same("restart policy", old.HostConfig.RestartPolicy, fresh.HostConfig.RestartPolicy)
	if fresh.Config.Hostname == old.Config.Hostname {
		t.Errorf("the clone has the old one's default host name %s", fresh.Config.Hostname)
	}
	for name, alias := range map[string]string{s.network: "special", s.name + "-second": "special-two"} {
		endpoint := fresh.NetworkSettings.Networks[name]
		if endpoint == nil || !slices.Contains(endpoint.Aliases, alias) || slices.Contains(endpoint.Aliases, old.ID[:12]) || endpoint.IPAddress == "" {
			t.Errorf("network %s: %+v", name, endpoint)
		}
	}
	for _, want := range []string{"GATEWAY_START=100ms", "SCHEDULER_NAME=" + newName, "GATEWAY_VERSION=10.15.0.18"} {
		if !slices.Contains(fresh.Config.Env, want) {
			t.Errorf("%s is not in %v", want, fresh.Config.Env)
		}
	}
	if got := fresh.NetworkSettings.Ports["5555/tcp"]; len(got) != 1 || got[0].HostPort != "25600" || got[0].HostIP != "127.0.0.1" {
		t.Errorf("the fixed port was not moved into the range: %v", got)
	}
	if got := fresh.NetworkSettings.Ports["9999/tcp"]; len(got) != 1 || got[0].HostPort == old.NetworkSettings.Ports["9999/tcp"][0].HostPort {
		t.Errorf("the port that Docker chose was not chosen anew: %v", got)
	}
	if fresh.Config.Labels[docker.LabelReplaces] != oldName || fresh.Config.Labels["special"] != "yes" {
		t.Errorf("labels: %v", fresh.Config.Labels)
	}
	s.await(20*time.Second, "the clone to answer on its new port", func() bool {
		response, err := http.Get("http://127.0.0.1:25600/rest/apigateway/health")
		if err == nil {
			response.Body.Close()
		}
		return err == nil && response.StatusCode == http.StatusOK
	})
}
