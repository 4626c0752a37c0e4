//go:build integration

package integration

import (
	"bytes"
	"errors"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	imagetypes "github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"

	"github.com/cutover/cutover/image"
)

// shellBase is the gateway's image with a shell, as the vendor's have one.
const shellBase = "cutover-test/shell-base:10.15.0.18"

// newCommandWorkshop is a workshop whose base has a shell.
func newCommandWorkshop(t *testing.T) *workshop {
	t.Helper()
	w := newWorkshop(t)
	if _, err := w.engine.ImageInspect(t.Context(), "debian:bookworm-slim"); err != nil {
		t.Skipf("make base-image: %v", err)
	}
	build := exec.Command("docker", "build", "--quiet", "--tag", shellBase, "-")
	build.Stdin = strings.NewReader("FROM " + gatewayBase + " AS gateway\nFROM debian:bookworm-slim\nCOPY --from=gateway /opt /opt\nRUN chown -R 1724:1724 /opt/softwareag\n" +
		"USER 1724:1724\nENV SAG_HOME=/opt/softwareag HOME_IS=/opt/softwareag/IntegrationServer/instances/default STANDIN_PRODUCT=apigateway\n" +
		"EXPOSE 5555\nENTRYPOINT [\"/opt/softwareag/IntegrationServer/bin/gateway\"]\n")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("docker", "rmi", shellBase).CombinedOutput(); err != nil {
			t.Errorf("clean up: %s", out)
		}
	})
	w.image["base"] = shellBase
	return w
}

// settled asserts that nothing is left of making images: no container, no network, no image without its name.
func (w *workshop) settled() {
	w.Helper()
	w.nothingLeft()
	for _, name := range []string{"cutover-run-", "cutover-trial-"} {
		left, err := w.engine.ContainerList(w.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("name", name))})
		if err != nil || len(left) > 0 {
			w.Errorf("containers left: %v, %v", left, err)
		}
	}
	networks, err := w.engine.NetworkList(w.Context(), network.ListOptions{Filters: labelled(image.LabelTrial)})
	if err != nil || len(networks) > 0 {
		w.Errorf("networks left: %v, %v", networks, err)
	}
	unfinished, err := w.engine.ImageList(w.Context(), imagetypes.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", "cutover-unfinished"))})
	if err != nil || len(unfinished) > 0 {
		w.Errorf("images left: %v, %v", unfinished, err)
	}
	dangling, err := w.engine.ImageList(w.Context(), imagetypes.ListOptions{Filters: filters.NewArgs(filters.Arg("dangling", "true"), filters.Arg("label", image.LabelFingerprint))})
	if err != nil || len(dangling) > 0 {
		w.Errorf("images without a name: %v, %v", dangling, err)
	}
}

// Commands run with everything else in place, as whom they are to, and leave an image with the configuration of the base.
func TestCommandsAreAPartOfTheImage(t *testing.T) {
	const secret = "correct-horse-battery-staple"
	w := newCommandWorkshop(t)
	w.put("token", secret+"\n")
	t.Setenv("LICENCE_TOKEN", "another-secret-value")
	w.image["run"] = []any{
		"id -u && test -f $SAG_HOME/IntegrationServer/instances/default/packages/Orders/manifest.v3 && echo made >$SAG_HOME/made",
		config{
			"command": []string{"/bin/sh", "-c", `id -u && stat -c '%a %u' /run/secrets/token && sha256sum </run/secrets/token >/root/sum && cat /run/secrets/* && env && ps || true`},
			"user":    "0", "secrets": []config{{"id": "token", "file": "token"}, {"id": "licence", "env": "LICENCE_TOKEN"}},
		},
		config{"command": "ls -A /run/secrets && test -z \"$(ls -A /run/secrets)\"", "user": "0"},
	}
	got := w.cutover("build")
	if got.code != 0 {
		t.Fatalf("exit %d", got.code)
	}
	for _, want := range []string{"1724\n", "0\n600 0\n", "***"} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	if !strings.Contains(got.stdout, "is not reproducible") {
		t.Error("it is not said that the image is not reproducible")
	}
	ref, _, _ := strings.Cut(got.stdout, " ")
	built, err := w.engine.ImageInspect(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	base, err := w.engine.ImageInspect(t.Context(), shellBase)
	if err != nil {
		t.Fatal(err)
	}
	if b, is := base.Config, built.Config; !slices.Equal(is.Entrypoint, b.Entrypoint) || !slices.Equal(is.Cmd, b.Cmd) || !slices.Equal(is.Env, b.Env) || is.User != b.User ||
		is.WorkingDir != b.WorkingDir || !maps.Equal(is.ExposedPorts, b.ExposedPorts) || is.Healthcheck != nil {
		t.Errorf("configuration: %+v, of the base: %+v", is, b)
	}
	if built.Config.Labels[image.LabelCommands] != "3" || built.Config.Labels[image.LabelPackages] != "Orders@1.4" {
		t.Errorf("labels: %v", built.Config.Labels)
	}
	t.Run("no secret anywhere", func(t *testing.T) {
		saved, err := exec.Command("docker", "save", ref).Output()
		if err != nil {
			t.Fatal(err)
		}
		history, err := exec.Command("docker", "history", "--no-trunc", ref).CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		inspected, err := exec.Command("docker", "image", "inspect", ref).CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []string{secret, "another-secret-value"} {
			for where, text := range map[string][]byte{
				"the image": saved, "its history": history, "its configuration": inspected, "the output": []byte(got.stdout + got.stderr),
			} {
				if bytes.Contains(text, []byte(value)) {
					t.Errorf("%s is in %s", value, where)
				}
			}
		}
		if !bytes.Contains(saved, []byte("opt/softwareag/made")) {
			t.Error("what the command made is not in the image")
		}
	})
	if again := w.cutover("build"); !strings.Contains(again.stdout, "is built already") || again.stderr != "" {
		t.Errorf("a second build: exit %d", again.code)
	}
	w.put("token", "a-rotated-secret-value")
	if rotated := w.cutover("build"); !strings.Contains(rotated.stdout, "is built already") {
		t.Error("the value of a secret is in the fingerprint")
	}
	w.settled()
}

// A command that fails, takes too long, or writes a secret down leaves nothing, and says why.
func TestFailedCommandsLeaveNothing(t *testing.T) {
	w := newCommandWorkshop(t)
	t.Setenv("TOKEN", "correct-horse-battery-staple")
	secrets := []config{{"id": "token", "env": "TOKEN"}}
	for name, test := range map[string]struct {
		run  any
		want string
	}{
		"an exit code": {config{"command": "echo no licence for $(cat /run/secrets/token) >&2; exit 3", "secrets": secrets}, "exit code 3; its last lines:\nno licence for ***"},
		"no time":      {config{"command": "echo waiting; sleep 600", "timeout": "1s"}, "image.run[0], echo waiting; sleep 600: it was not over within 1s: raise its timeout, if it may take that long; its last lines:\nwaiting"},
		"a leak":       {config{"command": "mkdir $SAG_HOME/.npm && cp /run/secrets/token $SAG_HOME/.npm/rc", "secrets": secrets}, "image.run has written a secret to /opt/softwareag/.npm/rc"},
		"into a file":  {config{"command": "cat /run/secrets/token >>$SAG_HOME/IntegrationServer/instances/default/application.properties", "secrets": secrets}, "has written a secret to /opt/softwareag/IntegrationServer/instances/default/application.properties"},
		"no secret":    {config{"command": "true", "secrets": []config{{"id": "token", "env": "NO_SUCH"}}}, "secret token: the variable NO_SUCH is not set"},
		"no program":   {config{"command": []string{"/no/such"}}, "image.run[0], /no/such: exit code 12"},
	} {
		t.Run(name, func(t *testing.T) {
			w.image["run"] = []any{test.run}
			got := w.cutover("build")
			if got.code != 1 || !strings.Contains(got.stderr, test.want) || strings.Contains(got.stderr, "correct-horse") {
				t.Errorf("exit %d, want %q", got.code, test.want)
			}
			w.settled()
		})
	}
}

// A base without a shell can't run commands, and says so.
func TestCommandsNeedAShell(t *testing.T) {
	w := newWorkshop(t)
	w.image["run"] = []any{"true"}
	if got := w.cutover("build"); got.code != 1 || !strings.Contains(got.stderr, "needs /bin/sh in the base") {
		t.Errorf("exit %d", got.code)
	}
	w.settled()
}

// Interrupted or killed while a command runs: the first removes everything, and of the second the engine removes the
// container.
func TestInterruptedBuildLeavesNothing(t *testing.T) {
	w := newCommandWorkshop(t)
	w.image["run"] = []any{"echo begun; sleep 600"}
	for _, sent := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sent.String(), func(t *testing.T) {
			cmd, stderr := w.begin("begun\n", "build")
			if err := cmd.Process.Signal(sent); err != nil {
				t.Fatal(err)
			}
			err := cmd.Wait()
			var exit *exec.ExitError
			if sent == syscall.SIGKILL {
				w.await(time.Minute, func() bool {
					left, err := w.engine.ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("name", "cutover-run-"))})
					return err == nil && len(left) == 0
				})
				out, err := exec.Command("docker", "images", "-q", "cutover-unfinished").Output()
				if err != nil || len(bytes.Fields(out)) != 1 {
					t.Fatalf("unfinished images: %s, %v", out, err)
				}
				if out, err := exec.Command("docker", "rmi", "-f", strings.TrimSpace(string(out))).CombinedOutput(); err != nil {
					t.Errorf("%s", out)
				}
			} else if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(stderr.text.String(), "interrupted") {
				t.Errorf("%v: %s", err, stderr.text.String())
			}
			w.settled()
		})
	}
}

// begin runs the command until it has written something to standard error.
func (w *workshop) begin(wanted string, args ...string) (*exec.Cmd, *signalled) {
	w.Helper()
	w.configure()
	cmd := exec.Command(binary, args...)
	stderr := &signalled{seen: make(chan struct{}), wanted: wanted}
	cmd.Dir, cmd.Stderr = w.folder, stderr
	w.must(cmd.Start())
	w.Cleanup(func() { cmd.Process.Kill() })
	select {
	case <-stderr.seen:
	case <-time.After(time.Minute):
		w.Fatalf("%q was not written within a minute", wanted)
	}
	return cmd, stderr
}

// signalled is a writer that tells when something was written.
type signalled struct {
	text   bytes.Buffer
	wanted string
	seen   chan struct{}
	told   bool
}

func (s *signalled) Write(p []byte) (int, error) {
	n, err := s.text.Write(p)
	if !s.told && strings.Contains(s.text.String(), s.wanted) {
		s.told = true
		close(s.seen)
	}
	return n, err
}

// await polls until something is so.
func (w *workshop) await(limit time.Duration, so func() bool) {
	w.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(limit); !so(); {
		select {
		case <-again.C:
		case <-deadline:
			w.Fatalf("not seen within %s", limit)
		}
	}
}
