//go:build integration

package integration

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/client"
)

// newEngine starts a second engine on this machine, for the test, and returns its address. It is in a network of its
// own, because an engine takes the bridge of another one away, and has none itself.
func newEngine(t *testing.T) (address string, engine *client.Client) {
	t.Helper()
	dockerd, err := exec.LookPath("dockerd")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("a second engine needs dockerd on this machine, and root to start it")
	}
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	address = "unix://" + in("sock")
	log, err := os.Create(in("log"))
	if err == nil {
		err = os.WriteFile(in("daemon.json"), []byte("{}"), 0o600) // in place of this machine's
	}
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	daemon := exec.Command("unshare", "--net", dockerd, "--config-file", in("daemon.json"), "--data-root", in("data"), "--exec-root", in("exec"), "-p", in("pid"),
		"-H", address, "--bridge", "none", "--iptables=false", "--ip-masq=false", "--storage-driver", "vfs")
	daemon.Stdout, daemon.Stderr = log, log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		daemon.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		daemon.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			daemon.Process.Kill()
			<-ended
			t.Error("the second engine did not end within 30s: killed")
		}
	})
	engine, err = client.NewClientWithOpts(client.WithHost(address), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.After(30 * time.Second); ; {
		_, err := engine.Ping(t.Context())
		if err == nil {
			return address, engine
		}
		select {
		case <-ended:
			err = errors.New("it has ended")
		case <-deadline:
		case <-time.After(20 * time.Millisecond):
			continue
		}
		said, _ := os.ReadFile(in("log"))
		t.Fatalf("the second engine does not answer: %v\n%s", err, said)
	}
}
