//go:build integration

package integration

import (
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/cutover/cutover/cutover"
)

// What is wrong with a new node is said, and the fleet stays as it was. Each of these is healthy by its own /health.
func TestNewNodesThatAreNotWhatTheyShouldBe(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 1})
	before := s.ids()
	for fault, want := range map[string]string{
		"standalone":              "not clustered",
		"package-broken=WmPublic": "WmPublic has 1 load errors",
		"licence-expired":         "licence: expired",
		"start-quiesced":          "refused",
		"engine-red":              "engine red",
		"wrong-password":          "401",
	} {
		t.Run(fault, func(t *testing.T) {
			s.config = s.newConfig()
			s.config.setEnv("GATEWAY_FAULT", fault)
			s.config.timeout("start", "5s")
			s.writeConfig()
			got := s.cutover("apply", "--yes", "--report", "report.json")
			if got.code != 2 || !strings.Contains(got.stdout, want) || s.report().Outcome != cutover.RolledBack || s.report().Probe.Lost != 0 {
				t.Errorf("exit %d; %q wanted", got.code, want)
			}
			s.isOld(before)
		})
	}
}

// The old node is found unfit before anything is touched.
func TestOldNodesThatAreNotWhatTheyShouldBe(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 1})
	before := s.ids()
	for fault, want := range map[string]string{
		"standalone":        "currentlyClustered is false",
		"privilege-missing": "lacks the privilege",
		"wrong-password":    "401: wrong driver.user or password",
	} {
		t.Run(fault, func(t *testing.T) {
			s.setFaults(s.fleet[0], fault)
			got := s.cutover("apply", "--yes")
			if got.code != 1 || !strings.Contains(got.stderr, want) {
				t.Errorf("exit %d; %q wanted", got.code, want)
			}
		})
	}
	s.setFaults(s.fleet[0], "")
	s.isOld(before)
}

// Each way in which retiring an old node can go wrong ends with the fleet as it was, and nothing lost.
func TestOldNodesThatCannotBeRetired(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]string{
		"quiesce-500":   "500",
		"quiesce-hangs": "quiescing",
		"flush-fails":   "quiescing failed",
		"trigger-hangs": "orders.jms:onOrder",
	} {
		t.Run(fault, func(t *testing.T) {
			s := newStack(t, options{nodes: 2, env: map[string]string{"GATEWAY_FAULT": fault, "TRIGGERS": "jms:orders.jms:onOrder=orders"}, config: func(c config) {
				c.unsetEnv("GATEWAY_FAULT", "TRIGGERS")
				c.timeout("quiesce", "6s")
				c.strategy("consumers", "overlap")
				c["containers"].(config)["stop_timeout"] = "5s"
			}})
			before := s.ids()
			if fault == "trigger-hangs" {
				s.produce("orders")
			}
			load := s.traffic()
			got := s.cutover("apply", "--yes", "--report", "report.json")
			load.end()
			if got.code != 2 || !strings.Contains(got.stdout, want) || s.report().Probe.Lost != 0 {
				t.Errorf("exit %d; %q wanted", got.code, want)
			}
			s.isOld(before)
		})
	}
}

// On a version where quiescing one node quiesces all of them, requests are lost, which nothing could prevent; it is seen
// at once, said, and every node is brought back.
func TestQuiesceThatIsTheClusters(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 3, env: map[string]string{"GATEWAY_FAULT": "quiesce-cluster-wide"}, config: func(c config) {
		c.strategy("hold", "3s")
		c["probe"].(config)["on_loss"] = "report" // it is not the probe that is to notice
	}})
	before := s.ids()
	got := s.cutover("apply", "--yes", "--report", "report.json")
	if got.code != 2 || !strings.Contains(got.stdout, "left active with it") || !strings.Contains(got.stdout, "driver.quiesce: drain") {
		t.Errorf("exit %d", got.code)
	}
	s.isOld(before)
}

// With another master password a node can't read what is in the data store, and is healthy all the same.
func TestNewNodeWithAnotherMasterPassword(t *testing.T) {
	t.Parallel()
	const passman = "/opt/softwareag/profiles/IS_default/configuration/security/passman"
	s := newStack(t, options{nodes: 1, config: func(c config) { c.timeout("start", "6s") }})
	ref := s.changed("cutover-demo/gateway:10.15.0.18", passman, "mpw.dat", "another master password")
	s.config["image"] = config{"ref": ref}
	s.writeConfig()
	before := s.ids()
	got := s.cutover("apply", "--yes")
	if got.code != 2 || !strings.Contains(got.stdout, "mpw.dat is another one than on the old node") {
		t.Errorf("exit %d", got.code)
	}
	s.isOld(before)
	s.config.driver("files_may_differ", []string{"mpw.dat"})
	s.writeConfig()
	if got := s.cutover("apply", "--yes"); got.code != 0 {
		t.Errorf("with files_may_differ: exit %d", got.code)
	}
}

// changed makes an image with one other file in it.
func (s *stack) changed(ref, folder, name, content string) string {
	s.Helper()
	created, err := s.engine.ContainerCreate(s.Context(), &container.Config{Image: ref, Labels: map[string]string{label: s.name}}, nil, nil, nil, "")
	s.must(err)
	s.put(created.ID, folder, name, content)
	changed := "cutover-test/changed:" + s.name
	_, err = s.engine.ContainerCommit(s.Context(), created.ID, container.CommitOptions{Reference: changed})
	s.must(err)
	s.must(s.engine.ContainerRemove(s.Context(), created.ID, container.RemoveOptions{}))
	s.Cleanup(func() { s.removeImage(changed) })
	return changed
}
