package haproxy

import (
	"bufio"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// listen starts a command line that answers each connection's one line and then hangs up, as HAProxy does.
func listen(t *testing.T, answer func(line string) string) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "lb") // short: a unix socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	path := filepath.Join(folder, "s.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				line, _ := bufio.NewReader(conn).ReadString('\n')
				_, _ = io.WriteString(conn, answer(strings.TrimSpace(line)))
			}()
		}
	}()
	return "unix://" + path
}

// transcript reads what a real HAProxy 2.6.12 answered to "@!P show stat -1 7 -1;@!P show info;…;show proc".
func transcript(t *testing.T, name string) (all, proc string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	all = string(raw)
	if i := strings.Index(all, "#<PID>"); i >= 0 {
		proc = all[i:]
	}
	return all, proc
}

// oneWorker is a master whose only worker gives this transcript of `show stat -1 7 -1;show info`.
func oneWorker(t *testing.T, said string) string {
	t.Helper()
	proc := "#<PID> <type> <reloads>\n1 master 0 [failed: 0]\n# workers\n" + field(said, "Pid") + " worker 0\n# old workers\n# programs\n\n"
	return listen(t, func(line string) string {
		if line == "show proc" {
			return proc
		}
		return proc + said + proc
	})
}

// replay is a master that answers from a transcript.
func replay(t *testing.T, name string) *Balancer {
	t.Helper()
	all, proc := transcript(t, name)
	return balancer(t, Config{Master: listen(t, func(line string) string {
		if line == "show proc" {
			return proc
		}
		return proc + all
	})})
}

func balancer(t *testing.T, cfg Config) *Balancer {
	t.Helper()
	cfg.Name = "lb-1"
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
