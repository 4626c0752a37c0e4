//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/docker/go-connections/nat"
	"github.com/goccy/go-yaml"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/report"
	"github.com/cutover/cutover/cutover/store"
)

// config is a cutover.yaml, as a person would write it.
type config map[string]any

func portOf(number string) nat.Port { return nat.Port(number + "/tcp") }

// newConfig is the configuration of a stack that moves to the fixed image.
func (s *stack) newConfig() config {
	quiesce := "20s"
	if s.product.kind == "integrationserver" {
		quiesce = "2m" // longer than driver.minutes
	}
	return config{
		"service":    "api-gateway",
		"containers": config{"label": label + "=" + s.name + ",com.docker.compose.service=gateway", "network": s.network, "stop_timeout": "20s", "env": config{"set": config{"SCHEDULER_NAME": "{{.Name}}"}}},
		"members": []config{{
			"service": "api-gateway", "port": 5555,
			"check": config{"http": s.product.check, "interval": "500ms", "timeout": "1s"},
		}},
		"consul": config{"address": "http://" + s.ports["consul:8500"]},
		"image":  config{"ref": s.product.fixed},
		"driver": config{"kind": s.product.kind, "user": "Administrator", "password_env": "GATEWAY_PASSWORD"},
		"load_balancers": []config{
			{"name": "lb-1", "kind": "haproxy", "stats": "tcp://" + s.ports["lb-1:9999"], "master": "tcp://" + s.ports["lb-1:9998"], "from": []string{"container:" + s.name + "-lb-1"}},
			s.secondBalancer(),
		},
		"probe": config{"version_header": "X-Version", "warm_up": "1s", "requests": []config{
			{"url": s.fronts[0] + s.product.path(), "rate": 10, "expect": 200},
			{"url": s.fronts[1] + s.product.path(), "rate": 10, "expect": 200},
		}},
		"strategy": config{
			"hold": "300ms", "soak": "1s", "drain": config{"timeout": "60s", "checkers": []string{"container:" + s.name + "-consul"}},
			"timeouts": config{"start": "30s", "join": "20s", "quiesce": quiesce},
		},
		"state": "state",
	}
}

func (s *stack) writeConfig() {
	s.Helper()
	data, err := yaml.Marshal(s.config)
	s.must(err)
	s.must(os.WriteFile(filepath.Join(s.folder, "cutover.yaml"), data, 0o600))
}

// result is a command that has ended.
type result struct {
	code           int
	stdout, stderr string
}

// command prepares the command on the stack's configuration.
func (s *stack) command(args ...string) *exec.Cmd {
	words := slices.Concat(s.prefix, []string{binary}, args)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = s.folder
	cmd.Env = append(os.Environ(), "GATEWAY_PASSWORD="+s.password, "CONSUL_TEST_TOKEN=s3cret")
	return cmd
}

// cutover runs the command to its end.
func (s *stack) cutover(args ...string) result {
	s.Helper()
	return s.finish(s.begin(args...))
}

// running is a command that has not ended.
type running struct {
	*exec.Cmd
	stdout, stderr output
}

// output is what a command has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (s *stack) begin(args ...string) *running {
	s.Helper()
	r := &running{Cmd: s.command(args...)}
	r.Stdout, r.Stderr = &r.stdout, &r.stderr
	s.must(r.Start())
	s.Cleanup(func() { // it is gone already, unless the test failed
		if r.ProcessState == nil {
			s.Logf("cutover %v, which was not waited for:\n%s%s", r.Args[1:], r.stdout.String(), r.stderr.String())
		}
		r.Process.Signal(syscall.SIGKILL)
	})
	return r
}

func (s *stack) finish(r *running) result {
	s.Helper()
	if err := r.Wait(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			s.Fatal(err)
		}
	}
	got := result{code: r.ProcessState.ExitCode(), stdout: r.stdout.String(), stderr: r.stderr.String()}
	s.Logf("cutover %v: exit %d\n%s%s", r.Args[1:], got.code, got.stdout, got.stderr)
	return got
}

// killAtStep kills the command with SIGKILL once its journal says that a step of that kind is in flight.
func (s *stack) killAtStep(r *running, reached func(cutover.Journal) bool) {
	s.Helper()
	s.await(3*time.Minute, "the step to kill at", func() bool { return reached(s.journal()) })
	s.must(r.Process.Kill())
	s.finish(r)
}

func (s *stack) journal() cutover.Journal {
	s.Helper()
	if s.config["state"] != "consul" {
		return s.journalIn(filepath.Join(s.folder, "state"))
	}
	return s.peek(store.NewConsul(s.consul, s.ports["consul:8500"]))
}

func (s *stack) journalIn(folder string) cutover.Journal { return s.peek(store.NewFile(folder)) }

func (s *stack) peek(journals cutover.Store) cutover.Journal {
	s.Helper()
	journal, _, err := journals.Peek(s.Context(), "api-gateway")
	s.must(err)
	if journal == nil {
		return cutover.Journal{}
	}
	return *journal
}

func (s *stack) report() report.Report {
	s.Helper()
	data, err := os.ReadFile(filepath.Join(s.folder, "report.json"))
	s.must(err)
	var r report.Report
	s.must(json.Unmarshal(data, &r))
	return r
}
