//go:build integration

package integration

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	dockernetwork "github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/hashicorp/consul/api"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
)

// label is on everything that a test makes; its value is the stack's name. Clones of the fleet keep it.
const label = "cutover-test"

// stack is one host of a fleet, as compose/ describes it, for one test.
type stack struct {
	*testing.T
	name     string
	network  string
	engine   *client.Client
	consul   *api.Client
	fronts   []string          // base URLs of the load balancers
	ports    map[string]string // service:port to host:port
	folder   string            // of cutover.yaml
	fleet    []string          // names of the containers registered at the beginning
	config   config
	product  product
	nginx    bool              // lb-2 is nginx
	rate     float64           // of the workload
	prefix   []string          // of the command: what it is run by
	relays   map[string]*relay // by service:port, where the stack is behind them; else nil
	password string            // of the products' administrator
	asked    int64             // requests that this harness made through the front doors, and that were answered
}

// options change what a stack is made of.
type options struct {
	nodes    int               // default 3
	product  product           // default: API Gateway
	env      map[string]string // of the fleet's containers
	nginx    bool              // lb-2 is nginx, not HAProxy
	rate     float64           // of the workload, per second; default 100
	relayed  bool              // Consul and the load balancers are reached through relays
	servers  int               // of Consul, which then keep what they know over a restart; default: one that does not
	files    map[string]string // path in the load balancers' containers to text
	follower bool              // the test itself changes the load balancers at runtime
	config   func(config)
}

func newStack(t *testing.T, o options) *stack {
	t.Helper()
	if o.nodes == 0 {
		o.nodes = 3
	}
	if o.product.old == "" {
		o.product = apiGateway
	}
	o.product.usable(t)
	if fault := o.env["GATEWAY_FAULT"]; fault != "" && o.product.real {
		t.Skip("only the stand-in can be told to misbehave: " + fault)
	}
	s := &stack{
		T: t, product: o.product, password: cmp.Or(o.env["GATEWAY_PASSWORD"], "manage"), rate: cmp.Or(o.rate, 100), folder: t.TempDir(), ports: map[string]string{},
		name: stackName(t.Name()),
	}
	engine, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	s.must(err)
	s.engine = engine
	s.removeAll()
	t.Cleanup(s.tearDown)
	edge, err := network.New(t.Context(), network.WithDriver("bridge"), network.WithLabels(map[string]string{label: s.name}))
	s.must(err)
	s.network = edge.Name
	services := readCompose(t, "../compose/compose.yaml", nil)
	if o.relayed {
		s.relays = map[string]*relay{}
	}
	s.startConsul(services["consul"], o.servers)
	s.start("datastore", services["datastore"], "datastore")
	gateway := services["gateway"]
	gateway.Image = o.product.old
	maps.Copy(gateway.Environment, o.product.env)
	for key, value := range map[string]string{"GATEWAY_START": "500ms", "GATEWAY_QUIESCE_TIME": "300ms", "GATEWAY_STOP_TIME": "300ms"} {
		gateway.Environment[key] = value
	}
	maps.Copy(gateway.Environment, o.env)
	for i := range o.nodes {
		name := fmt.Sprintf("%s-gateway-%d", s.name, i+1)
		s.start("gateway", gateway, name)
		s.fleet = append(s.fleet, name)
	}
	if s.nginx = o.nginx; s.nginx {
		services["lb-2"] = nginxInPlaceOf(services["lb-2"])
	}
	for _, lb := range []string{"lb-1", "lb-2"} {
		balancer := services[lb]
		balancer.Environment["CHECK_PATH"], balancer.files = o.product.check, o.files
		s.start(lb, balancer, lb)
		s.fronts = append(s.fronts, "http://"+s.ports[lb+":8080"])
		if o.follower {
			s.follow(lb)
		}
	}
	for i, name := range s.fleet {
		s.register(i+1, name)
	}
	s.awaitServing(s.fleet...)
	s.awaitEngines(s.fleet...)
	s.config = s.newConfig()
	if o.config != nil {
		o.config(s.config)
	}
	s.writeConfig()
	return s
}

// start starts one container and notes where its ports are.
func (s *stack) start(serviceName string, service composeService, containerName string) {
	s.Helper()
	if !strings.HasPrefix(containerName, s.name) {
		containerName = s.name + "-" + containerName
	}
	labels := map[string]string{label: s.name, "com.docker.compose.service": serviceName}
	started, err := testcontainers.GenericContainer(s.Context(), testcontainers.GenericContainerRequest{
		ContainerRequest: service.request(serviceName, containerName, s.network, labels), Started: true,
	})
	if err != nil {
		s.Fatalf("start %s: %v", containerName, err)
	}
	for _, port := range service.Ports {
		inside := port[strings.LastIndex(port, ":")+1:]
		if s.relays != nil {
			r := s.newRelay(s.inContainer(containerName, inside))
			s.relays[serviceName+":"+inside], s.ports[serviceName+":"+inside] = r, r.address()
			continue
		}
		endpoint, err := started.PortEndpoint(s.Context(), portOf(inside), "")
		s.must(err)
		s.ports[serviceName+":"+inside] = endpoint
	}
}

// register puts a container into Consul as whoever operates it would have.
func (s *stack) register(number int, containerName string) {
	s.Helper()
	ip := s.address(containerName)
	s.must(s.consul.Agent().ServiceRegister(&api.AgentServiceRegistration{
		ID: fmt.Sprintf("gw-%d", number), Name: "api-gateway", Address: ip, Port: 5555,
		Tags: []string{"edge", "blue"}, Meta: map[string]string{"owner": "integration"},
		Weights: &api.AgentWeights{Passing: 10, Warning: 1},
		Check:   &api.AgentServiceCheck{HTTP: fmt.Sprintf("http://%s:5555%s", ip, s.product.check), Interval: "500ms", Timeout: "1s"},
	}))
}

func (s *stack) address(containerName string) string {
	s.Helper()
	c, err := s.engine.ContainerInspect(s.Context(), containerName)
	s.must(err)
	return c.NetworkSettings.Networks[s.network].IPAddress
}

// awaitEngines waits until each gateway is what an operator would start from: its engine is well a moment after its
// health is.
func (s *stack) awaitEngines(containerNames ...string) {
	s.Helper()
	if s.product.kind != "apigateway" {
		return
	}
	for _, name := range containerNames {
		url := fmt.Sprintf("http://%s:5555/rest/apigateway/health/engine", s.address(name))
		s.await(60*time.Second, "the engine of "+name, func() bool { return s.request(http.MethodGet, url, "") == http.StatusOK })
	}
}

// awaitServing waits until every load balancer answers from every one of these containers.
func (s *stack) awaitServing(containerNames ...string) {
	s.Helper()
	want := map[string]bool{}
	for _, name := range containerNames {
		c, err := s.engine.ContainerInspect(s.Context(), name)
		s.must(err)
		want[c.Config.Hostname] = true
	}
	if s.product.real {
		s.awaitAnswers()
		return
	}
	for _, front := range s.fronts {
		seen := map[string]bool{}
		s.await(60*time.Second, fmt.Sprintf("%s to answer from all of %v", front, containerNames), func() bool {
			response, err := http.Get(front + s.product.path())
			if err != nil {
				return false
			}
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				s.asked++
			}
			if node := response.Header.Get("X-Node"); want[node] {
				seen[node] = true
			}
			return len(seen) == len(want)
		})
	}
}

// awaitAnswers waits until every load balancer answers: a real product does not say which container it is in.
func (s *stack) awaitAnswers() {
	s.Helper()
	for _, front := range s.fronts {
		s.await(10*time.Minute, front+" to answer", func() bool {
			response, err := http.Get(front + s.product.path())
			if err != nil {
				return false
			}
			response.Body.Close()
			return response.StatusCode == http.StatusOK
		})
	}
}

// await polls until something is seen.
func (s *stack) await(within time.Duration, what string, seen func() bool) {
	s.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for !seen() {
		select {
		case <-deadline.C:
			s.Fatalf("not seen within %s: %s", within, what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// containers are those of the fleet, running or not, with their state.
func (s *stack) containers() map[string]string {
	s.Helper()
	return s.everything(filters.Arg("label", "com.docker.compose.service=gateway"))
}

// everything is every container of the stack that these filters let through, with its state.
func (s *stack) everything(further ...filters.KeyValuePair) map[string]string {
	s.Helper()
	list, err := s.engine.ContainerList(context.WithoutCancel(s.Context()), container.ListOptions{
		All: true, Filters: filters.NewArgs(append(further, filters.Arg("label", label+"="+s.name))...),
	})
	s.must(err)
	states := map[string]string{}
	for _, c := range list {
		states[strings.TrimPrefix(c.Names[0], "/")] = c.State
	}
	return states
}

func (s *stack) tearDown() {
	if s.Failed() {
		s.keepArtifacts()
	}
	s.removeAll()
}

// removeAll removes everything that carries the stack's label.
func (s *stack) removeAll() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	mine := filters.NewArgs(filters.Arg("label", label+"="+s.name))
	list, err := s.engine.ContainerList(ctx, container.ListOptions{All: true, Filters: mine})
	if err != nil {
		s.Errorf("clean up: %v", err)
	}
	for _, c := range list {
		if err := s.engine.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			s.Errorf("clean up %s: %v", c.Names[0], err)
		}
	}
	// Not by pruning: an engine refuses that while somebody else does.
	networks, err := s.engine.NetworkList(ctx, dockernetwork.ListOptions{Filters: mine})
	if err != nil {
		s.Errorf("clean up the networks: %v", err)
	}
	for _, n := range networks {
		if err := s.engine.NetworkRemove(ctx, n.ID); err != nil {
			s.Errorf("clean up network %s: %v", n.Name, err)
		}
	}
}

// keepArtifacts saves what a failed test can be understood from.
func (s *stack) keepArtifacts() {
	folder := filepath.Join(os.TempDir(), "cutover-failed", s.name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		s.Log(err)
		return
	}
	if err := os.CopyFS(filepath.Join(folder, fmt.Sprint(time.Now().Unix())), os.DirFS(s.folder)); err != nil {
		s.Log(err)
	}
	for name := range s.everything() {
		if logs, err := s.engine.ContainerLogs(context.Background(), name, container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true}); err == nil {
			if data, err := io.ReadAll(logs); err == nil {
				os.WriteFile(filepath.Join(folder, name+".log"), data, 0o600)
			}
			logs.Close()
		}
	}
	s.Logf("configuration, journal, report and logs are kept in %s", folder)
}

func (s *stack) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// stackName is a test's name as containers can have it.
func stackName(test string) string {
	name := strings.Map(func(r rune) rune {
		if ('a' <= r && r <= 'z') || ('0' <= r && r <= '9') {
			return r
		}
		return '-'
	}, strings.ToLower(strings.TrimPrefix(test, "Test")))
	return name[:min(len(name), 60)]
}
