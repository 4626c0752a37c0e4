//go:build integration

package integration

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// What happens to an operator's terminal, disk and network in the middle of a rollout ends it in a known state, or not at
// all.
func TestInterruptions(t *testing.T) {
	t.Parallel()
	var docker *relay
	s := newStack(t, options{nodes: 2, config: func(c config) {
		c.timeout("start", "10s")
		c.timeout("join", "8s")
		c.timeout("quiesce", "8s")
		c["containers"].(config)["stop_timeout"] = "4s"
	}})
	docker = s.newRelay(func() (string, error) { return "/var/run/docker.sock", nil })
	s.part("the reader of the output goes away", s.outputCloses)
	s.part("the terminal is closed", s.terminalCloses)
	s.part("the disk of the journal is full", s.diskFull)
	s.config["hosts"] = []config{{"name": "by-tcp", "docker": "tcp://" + docker.address(), "consul": s.config["consul"].(config)["address"]}}
	s.writeConfig()
	s.part("Docker is cut off for a while", func() { s.dockerAway(docker) })
	s.part("Docker is cut off for good", func() { s.dockerGone(docker) })
}

func (s *stack) outputCloses() {
	load := s.traffic()
	read, write, err := os.Pipe()
	s.must(err)
	cmd := s.command("apply", "--yes", "--report", "report.json")
	cmd.Stdout, cmd.Stderr = write, write
	s.must(cmd.Start())
	s.must(write.Close())
	line, err := bufio.NewReader(read).ReadString('\n')
	s.must(err)
	s.must(read.Close())
	if err := cmd.Wait(); err != nil {
		s.Errorf("after %q was read: %v", line, err)
	}
	load.end()
	s.replaced(result{})
}

func (s *stack) terminalCloses() {
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the first drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	s.must(run.Process.Signal(syscall.SIGHUP))
	got := s.finish(run)
	load.end()
	s.replaced(got)
}

// diskFull fills the journal's disk: the next step is not begun. With room on it the rollout goes on.
func (s *stack) diskFull() {
	if os.Geteuid() != 0 {
		s.Skip("a small disk takes root to mount")
	}
	folder := s.TempDir()
	s.must(syscall.Mount("cutover-test", folder, "tmpfs", 0, "size=1m"))
	s.Cleanup(func() { s.must(syscall.Unmount(folder, 0)) })
	s.config["state"] = folder
	s.writeConfig()
	load := s.traffic()
	run := s.begin("apply", "--yes")
	s.await(time.Minute, "the first drain", func() bool { return drains(s.journalIn(folder), s.fleet[0]) })
	filler := filepath.Join(folder, "filler")
	err := os.WriteFile(filler, make([]byte, 1<<20), 0o600)
	if err == nil {
		s.Fatal("the disk is not full")
	}
	if got := s.finish(run); got.code != 5 || !strings.Contains(got.stdout+got.stderr, "no space left") {
		s.Errorf("exit %d", got.code)
	}
	if got := s.cutover("resume", "--yes"); got.code != 5 {
		s.Errorf("resume, while it is still full: exit %d", got.code)
	}
	s.must(os.Remove(filler))
	got := s.cutover("resume", "--yes", "--report", "report.json")
	load.end()
	s.replaced(got)
	s.config["state"] = "state"
	s.writeConfig()
}

// dockerAway cuts the engine off while a node is drained: nothing can be told, which is no agreement and no failure.
func (s *stack) dockerAway(docker *relay) {
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, "the first drain", func() bool { return drains(s.journal(), s.fleet[0]) })
	docker.sever(true)
	<-time.After(3 * time.Second) // the length of the cut
	docker.sever(false)
	got := s.finish(run)
	load.end()
	s.replaced(got)
}

// dockerGone cuts the engine off and leaves it so: the run says that it is stuck, and where. With the engine back it goes
// back whole.
func (s *stack) dockerGone(docker *relay) {
	before := s.ids()
	load := s.traffic()
	run := s.begin("apply", "--yes")
	s.await(time.Minute, "the first stop", func() bool { return inFlight(s.journal(), cutover.Container, s.fleet[0]) })
	docker.sever(true)
	if got := s.finish(run); got.code != 3 || !strings.Contains(got.stdout, docker.address()) {
		s.Errorf("exit %d", got.code)
	}
	if status := s.cutover("status"); !strings.Contains(status.stdout, "STUCK") {
		s.Errorf("status: %s", status.stdout)
	}
	docker.sever(false)
	if got := s.cutover("rollback", "--yes"); got.code != 0 {
		s.Errorf("rollback: exit %d", got.code)
	}
	load.end()
	s.isOld(before)
}
