//go:build integration

package integration

import (
	"maps"
	"strings"
	"syscall"
	"testing"
)

func newGatewayWorkshop(t *testing.T) *workshop {
	t.Helper()
	w := newWorkshop(t)
	t.Setenv("GATEWAY_PASSWORD", "manage")
	w.driver = config{"kind": "apigateway", "user": "Administrator", "password_env": "GATEWAY_PASSWORD"}
	return w
}

// Before an image gets its name a container of it is started and asked, once; then it is known to be good.
func TestNewImagesAreTried(t *testing.T) {
	w := newGatewayWorkshop(t)
	got := w.cutover("build")
	if got.code != 0 || !strings.Contains(got.stderr, "verify: not yet: no port answers yet") || !strings.Contains(got.stderr, "the server answers, 1 packages of the image are loaded") {
		t.Errorf("exit %d", got.code)
	}
	if again := w.cutover("build"); !strings.Contains(again.stdout, "is built already") || again.stderr != "" {
		t.Error("it was tried twice")
	}
	w.settled()
	w.removeImages()
	w.image["verify"] = config{"env": config{"GATEWAY_FAULT": "package-broken=Orders"}, "timeout": "6s"}
	if got := w.cutover("build", "--no-verify"); got.code != 0 || strings.Contains(got.stderr, "verif") {
		t.Errorf("--no-verify: exit %d", got.code)
	}
	w.settled()
}

// Without what it is connected to elsewhere a server's health is red: that is no fault of the image.
func TestNewImagesAreTriedWithoutWhatIsElsewhere(t *testing.T) {
	w := newGatewayWorkshop(t)
	w.driver["kind"], w.image["base"] = "integrationserver", "cutover-demo/msr:10.15.0.17"
	w.image["verify"] = config{"env": config{"GATEWAY_FAULT": "engine-red,diagnostic-closed"}}
	if got := w.cutover("build"); got.code != 0 || !strings.Contains(got.stderr, "the server answers, 1 packages of the image are loaded") {
		t.Errorf("exit %d", got.code)
	}
	w.settled()
}

// An image that fails its trial does not get its name, and is gone. The message says what was not so.
func TestBadImagesDoNotGetTheirName(t *testing.T) {
	w := newGatewayWorkshop(t)
	for fault, want := range map[string]string{
		"crash-at-start":        "verify: a container of the image was started, and it ended with exit code 1; the image was removed; the end of its log:\n",
		"package-broken=Orders": "it was not well within 6s (image.verify.timeout); last: packages: Orders has 1 load errors",
		"wrong-password":        "last: wm.server.packages:getPackageStatus: 401: wrong driver.user or password, or a password that must be changed at its first use: give image.verify the user and password",
	} {
		t.Run(fault, func(t *testing.T) {
			w.image["verify"] = config{"env": config{"GATEWAY_FAULT": fault, "SOME_TOKEN": "crash-at-start-of-the-end"}, "timeout": "6s"}
			got := w.cutover("build")
			if got.code != 1 || !strings.Contains(got.stderr, want) || strings.Contains(got.stdout, "built") {
				t.Errorf("exit %d, want %q", got.code, want)
			}
			if left := w.images(); len(left) > 0 {
				t.Errorf("images: %v", left)
			}
			w.settled()
		})
	}
}

// Where containers are reached by their published ports, so is the one that is tried.
func TestNewImagesAreTriedByPublishedPorts(t *testing.T) {
	w := newGatewayWorkshop(t)
	w.more = config{"hosts": []config{{"name": "here", "addr": "127.0.0.1"}}, "containers": config{"label": "none", "publish": true}}
	if got := w.cutover("build"); got.code != 0 || !strings.Contains(got.stderr, "1 packages of the image are loaded") {
		t.Errorf("exit %d", got.code)
	}
	w.settled()
}

// Interrupted in the trial, a build leaves neither the image nor what it was tried with.
func TestInterruptedTrialLeavesNothing(t *testing.T) {
	w := newGatewayWorkshop(t)
	w.image["verify"] = config{"env": config{"GATEWAY_FAULT": "package-broken=Orders"}}
	cmd, stderr := w.begin("Orders has 1 load errors", "build")
	w.must(cmd.Process.Signal(syscall.SIGINT))
	if err := cmd.Wait(); err == nil || !strings.Contains(stderr.text.String(), "interrupted: nothing is left of the image") {
		t.Errorf("%v: %s", err, stderr.text.String())
	}
	if left := w.images(); len(left) > 0 {
		t.Errorf("images: %v", left)
	}
	w.settled()
}

// On the network of its data store an image must be as ready as the driver wants a new container to be.
func TestNewImagesAreTriedWithTheirDataStore(t *testing.T) {
	s := newStack(t, options{nodes: 1, config: func(c config) {
		c["image"] = config{"base": gatewayBase, "tag": "cutover-test/withstore:{{.Fingerprint}}", "labels": config{"for": t.Name()}}
	}})
	verify := config{"network": s.network, "timeout": "30s"}
	s.config["image"].(config)["verify"] = verify
	environment := config{"DATASTORE": "http://datastore:9240", "GATEWAY_START": "500ms"}
	verify["env"] = maps.Clone(environment)
	verify["env"].(config)["GATEWAY_FAULT"] = "engine-red"
	verify["timeout"] = "8s"
	s.writeConfig()
	if got := s.cutover("build"); got.code != 1 || !strings.Contains(got.stderr, "last: health 200; engine red (500)") {
		t.Errorf("exit %d", got.code)
	}
	verify["env"], verify["timeout"] = environment, "1m"
	s.writeConfig()
	got := s.cutover("build")
	ref, _, _ := strings.Cut(got.stdout, " ")
	if got.code != 0 || !strings.Contains(got.stderr, "engine green; mode ACTIVE;") || !strings.Contains(got.stderr, "licence valid") {
		t.Fatalf("exit %d", got.code)
	}
	t.Cleanup(func() { s.removeImage(ref) })
	plan := s.cutover("plan")
	if !strings.Contains(plan.stdout, "note: the image is built on "+gatewayBase+" (sha256:") || strings.Contains(plan.stdout, "not reproducible") {
		t.Errorf("plan: exit %d", plan.code)
	}
	if got := s.cutover("plan", "--out", "plan.json"); got.code != 0 {
		t.Errorf("plan --out: exit %d", got.code)
	}
	if got := s.cutover("apply", "--yes", "plan.json"); got.code != 0 {
		t.Errorf("apply of the saved plan: exit %d", got.code)
	}
}
