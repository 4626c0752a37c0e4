//go:build integration

package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

const reloadCommand = "cutover lb reload --strict --candidate /run/haproxy/lie.cfg --running /run/haproxy/gateways.cfg " +
	"--fixed /etc/haproxy/haproxy.cfg --master tcp://127.0.0.1:9998 "

// What consul-template renders is not always what HAProxy should run, or can. Whatever it is: HAProxy goes on, nothing of
// the traffic is lost, the file is what runs, and consul-template lives.
func TestReloadsThatAreLiedTo(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2})
	load := s.traffic()
	lb := s.name + "-lb-1"
	file, _ := s.execIn(lb, "cat /run/haproxy/gateways.cfg")
	template, _ := s.execIn(lb, "pidof consul-template")
	worker := s.runningWorker("lb-1")
	for name, test := range map[string]struct{ make, flags, want string }{
		"a word that HAProxy does not know": {"echo nonsense >>/run/haproxy/lie.cfg", "", "unknown keyword 'nonsense'"},
		"no server":                         {`sed -i '/\tserver/d' /run/haproxy/lie.cfg`, "", "no server where the old one has some: gateways (2), gateways-ws (2)"},
		"no master where it is said":        {"echo '# changed' >>/run/haproxy/lie.cfg", "--master tcp://127.0.0.1:9 --timeout 300ms", "HAProxy's master does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := s.execIn(lb, "cp /run/haproxy/gateways.cfg /run/haproxy/lie.cfg; "+test.make+"; "+reloadCommand+test.flags)
			if code != 1 || !strings.Contains(out, test.want) || strings.Count(out, "\n") != 1 {
				t.Errorf("exit %d: %s", code, out)
			}
			if now, _ := s.execIn(lb, "cat /run/haproxy/gateways.cfg"); now != file {
				t.Errorf("the file is now %s", now)
			}
			if now := s.runningWorker("lb-1"); now != worker {
				t.Errorf("worker %s, want %s", now, worker)
			}
		})
	}
	t.Run("everything critical in Consul", func(*testing.T) {
		for i := range s.fleet {
			s.must(s.consul.Agent().EnableServiceMaintenance(fmt.Sprintf("gw-%d", i+1), "test"))
		}
		s.await(20*time.Second, "the refusal in the log", func() bool {
			return strings.Contains(s.logs(lb), "no server where the old one has some")
		})
		for i := range s.fleet {
			s.must(s.consul.Agent().DisableServiceMaintenance(fmt.Sprintf("gw-%d", i+1)))
		}
		s.awaitServing(s.fleet...)
	})
	t.Run("several at once", func(t *testing.T) {
		out, _ := s.execIn(lb, "cp /run/haproxy/gateways.cfg /run/haproxy/lie.cfg; echo '# changed' >>/run/haproxy/lie.cfg; "+
			"for i in 1 2 3 4 5 6; do "+reloadCommand+" & done; wait")
		if strings.Count(out, "reload: worker ") != 1 || strings.Count(out, "nothing to do") != 5 {
			t.Errorf("want one reload and five with nothing to do: %s", out)
		}
	})
	if now, _ := s.execIn(lb, "pidof consul-template"); now != template || now == "" {
		t.Errorf("consul-template was %q, is %q", template, now)
	}
	load.end()
	t.Log(s.reloadTimes(lb))
}

// reloadTimes are what the reloads of a load balancer say that they took, in milliseconds.
func (s *stack) reloadTimes(containerName string) string {
	var took []string
	for line := range strings.Lines(s.logs(containerName)) {
		if strings.Contains(line, "cutover lb reload: worker") {
			took = append(took, strings.TrimSpace(line[strings.LastIndex(line, ",")+1:]))
		}
	}
	slices.Sort(took)
	return fmt.Sprintf("%d reloads of %s took %s", len(took), containerName, strings.Join(took, ", "))
}

// runningWorker is the process id of a load balancer's running worker.
func (s *stack) runningWorker(name string) string {
	s.Helper()
	view, err := s.balancer(s.T, name).Look(s.Context(), nil)
	s.must(err)
	for _, w := range view.Workers {
		if !w.Old {
			return w.ID
		}
	}
	s.Fatal("no running worker")
	return ""
}

// execIn runs a script in a container, and returns what it printed, errors too, and its exit code.
func (s *stack) execIn(containerName, script string) (string, int) {
	s.Helper()
	made, err := s.engine.ContainerExecCreate(s.Context(), containerName, container.ExecOptions{Cmd: []string{"bash", "-c", script}, AttachStdout: true, AttachStderr: true})
	s.must(err)
	attached, err := s.engine.ContainerExecAttach(s.Context(), made.ID, container.ExecAttachOptions{})
	s.must(err)
	defer attached.Close()
	var out strings.Builder
	_, err = stdcopy.StdCopy(&out, &out, attached.Reader)
	s.must(err)
	ended, err := s.engine.ContainerExecInspect(s.Context(), made.ID)
	s.must(err)
	return out.String(), ended.ExitCode
}

// logs are what a container has printed so far.
func (s *stack) logs(containerName string) string {
	s.Helper()
	stream, err := s.engine.ContainerLogs(s.Context(), containerName, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	s.must(err)
	defer stream.Close()
	var out strings.Builder
	_, err = stdcopy.StdCopy(&out, &out, stream)
	s.must(err)
	return out.String()
}
