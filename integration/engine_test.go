//go:build integration

package integration

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/client"
)

// engine is a second engine on this machine, which a test can end and start again.
type engine struct {
	*client.Client
	*testing.T
	address string
	folder  string
	command []string
	daemon  *exec.Cmd
	ended   chan struct{} // closed when the daemon has
}

// newEngine starts a second engine on this machine, for the test, and returns its address. It is in a network of its
// own, because an engine takes the bridge of another one away, and has none itself.
func newEngine(t *testing.T) (address string, other *client.Client) {
	t.Helper()
	e := engineIn(t, "unshare", "--net")
	e.start()
	return e.address, e.Client
}

// engineIn prepares an engine that is run by a command which gives it a network of its own.
func engineIn(t *testing.T, runBy ...string) *engine {
	t.Helper()
	dockerd, err := exec.LookPath("dockerd")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("a second engine needs dockerd on this machine, and root to start it")
	}
	e := &engine{T: t, folder: t.TempDir()}
	e.address = "unix://" + e.in("sock")
	e.configure("{}")
	e.command = append(slices.Clone(runBy), dockerd, "--config-file", e.in("daemon.json"), "--data-root", e.in("data"), "--exec-root", e.in("exec"), "-p", e.in("pid"),
		"-H", e.address, "--bridge", "none", "--iptables=false", "--ip-masq=false", "--storage-driver", "vfs")
	if e.Client, err = client.NewClientWithOpts(client.WithHost(e.address), client.WithAPIVersionNegotiation()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if e.daemon != nil {
			e.end(syscall.SIGTERM)
		}
		for syscall.Unmount(e.in("data"), 0) == nil { // which it mounts onto itself, and leaves so after a restart
		}
	})
	return e
}

func (e *engine) in(name string) string { return filepath.Join(e.folder, name) }

// configure writes the engine's configuration, in place of this machine's.
func (e *engine) configure(text string) {
	e.Helper()
	if err := os.WriteFile(e.in("daemon.json"), []byte(text), 0o600); err != nil {
		e.Fatal(err)
	}
}

// end sends the daemon a signal and waits for its end.
func (e *engine) end(signal os.Signal) {
	e.Helper()
	e.daemon.Process.Signal(signal)
	select {
	case <-e.ended:
	case <-time.After(30 * time.Second):
		e.daemon.Process.Kill()
		<-e.ended
		e.Error("the second engine did not end within 30s: killed")
	}
}

// start returns once the engine answers.
func (e *engine) start() {
	e.Helper()
	log, err := os.OpenFile(e.in("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		e.Fatal(err)
	}
	defer log.Close()
	e.daemon = exec.Command(e.command[0], e.command[1:]...)
	e.daemon.Stdout, e.daemon.Stderr = log, log
	if err := e.daemon.Start(); err != nil {
		e.Fatal(err)
	}
	daemon, ended := e.daemon, make(chan struct{})
	e.ended = ended
	go func() {
		daemon.Wait()
		close(ended)
	}()
	for deadline := time.After(60 * time.Second); ; {
		_, err := e.Ping(e.Context())
		if err == nil {
			return
		}
		select {
		case <-ended:
			err = errors.New("it has ended")
		case <-deadline:
		case <-time.After(20 * time.Millisecond):
			continue
		}
		said, _ := os.ReadFile(e.in("log"))
		e.Fatalf("the second engine does not answer: %v\n%s", err, said)
	}
}
