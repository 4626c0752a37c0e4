//go:build integration

package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/docker"
)

// What a crash, or a restart of the machine, can leave is told, and mended where that is safe.
func TestDoctor(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, config: inConsul})
	s.needsStandIn()
	before := s.ids()
	s.doctorFinds(0)
	t.Run("the machine was restarted: every container has another address", func(t *testing.T) {
		for _, name := range s.fleet {
			s.must(s.engine.ContainerKill(s.Context(), name, "KILL"))
		}
		for i := range s.fleet { // in another order
			s.must(s.engine.ContainerStart(s.Context(), s.fleet[len(s.fleet)-1-i], container.StartOptions{}))
		}
		s.doctorMends(t, before)
	})
	t.Run("maintenance that a rollout has left on", func(t *testing.T) {
		s.must(s.consul.Agent().EnableServiceMaintenance("gw-1", "cutover"))
		s.doctorFinds(1, "has left its registration gw-1 in maintenance")
		s.doctorMends(t, before)
	})
	t.Run("maintenance that somebody else has switched on is left alone", func(t *testing.T) {
		s.must(s.consul.Agent().EnableServiceMaintenance("gw-1", "disk is replaced"))
		s.doctorFinds(1, "is in maintenance: disk is replaced")
		if got := s.cutover("doctor", "--fix", "--yes"); got.code != 0 || !strings.Contains(got.stdout, "disk is replaced") {
			t.Errorf("exit %d", got.code)
		}
		s.must(s.consul.Agent().DisableServiceMaintenance("gw-1"))
		s.isOld(before)
	})
	t.Run("a scheduler that was left paused is told, and left alone", func(t *testing.T) {
		scheduler := func(doing string) {
			s.request(http.MethodPost, fmt.Sprintf("http://%s:5555/invoke/wm.server.schedule/%sScheduler", s.address(s.fleet[0]), doing), "{}")
		}
		scheduler("pause")
		s.doctorFinds(1, s.fleet[0]+" fetches nothing by itself")
		if got := s.cutover("doctor", "--fix", "--yes"); !strings.Contains(got.stdout, "fetches nothing by itself") {
			t.Errorf("doctor --fix: exit %d", got.code)
		}
		scheduler("resume")
		s.doctorFinds(0)
		s.isOld(before)
	})
	t.Run("a rollout that was killed, and whose journal is gone", func(t *testing.T) {
		run := s.begin("apply", "--yes")
		s.killAtStep(run, func(j cutover.Journal) bool { return inFlight(j, cutover.Container, s.fleet[0]) })
		made := successor(s.fleet[0], s.journal().Plan.Spec.Rollout)
		s.doctorFinds(1, "is not finished, and nobody runs it")
		if got := s.cutover("doctor", "--fix", "--yes"); got.code != 1 {
			t.Errorf("doctor --fix, while a rollout is not finished: exit %d", got.code)
		}
		_, err := s.consul.KV().DeleteTree("cutover/api-gateway/", nil) // as if the journal had never been
		s.must(err)
		s.must(s.engine.ContainerRemove(s.Context(), made, container.RemoveOptions{Force: true, RemoveVolumes: true}))
		s.await(20*time.Second, "its check to fail", func() bool {
			checks, err := s.consul.Agent().Checks()
			return err == nil && checks["service:api-gateway-"+made] != nil && checks["service:api-gateway-"+made].Status == api.HealthCritical
		})
		s.doctorFinds(1, "api-gateway-"+made+" of service api-gateway leads to")
		if s.containers()[s.fleet[0]] != "running" { // it had been asked to stop, and its restart policy was taken away
			s.must(s.engine.ContainerStart(s.Context(), s.fleet[0], container.StartOptions{}))
		}
		s.doctorMends(t, before)
	})
	t.Run("a registration without a container, and a container that never started", func(t *testing.T) {
		s.must(s.consul.Agent().ServiceRegister(&api.AgentServiceRegistration{
			ID: "api-gateway-doctor-gateway-9.ab12", Name: "api-gateway", Address: "192.0.2.1", Port: 5555,
			Check: &api.AgentServiceCheck{TCP: "192.0.2.1:5555", Interval: "10s", Timeout: "1s"},
		}))
		_, err := s.engine.ContainerCreate(s.Context(), &container.Config{Image: s.product.fixed, Labels: map[string]string{
			label: s.name, "com.docker.compose.service": "gateway", docker.LabelService: "api-gateway", docker.LabelRollout: "9999", docker.LabelReplaces: s.fleet[0],
		}}, nil, nil, nil, s.fleet[0]+".9999")
		s.must(err)
		s.doctorFinds(1, "api-gateway-doctor-gateway-9.ab12", "was made by rollout 9999 and never started")
		s.doctorMends(t, before)
	})
	t.Run("a container without a registration", func(t *testing.T) {
		services, err := s.consul.Agent().Services()
		s.must(err)
		for id, service := range services { // the restart has given it another id
			if service.Address == s.address(s.fleet[1]) {
				s.must(s.consul.Agent().ServiceDeregister(id))
			}
		}
		s.doctorFinds(1, s.fleet[1]+" runs at")
		s.doctorMends(t, before)
	})
}

// doctorFinds asserts what doctor says when it mends nothing.
func (s *stack) doctorFinds(code int, texts ...string) {
	s.Helper()
	got := s.cutover("doctor")
	if got.code != code {
		s.Errorf("doctor: exit %d, want %d", got.code, code)
	}
	for _, text := range texts {
		if !strings.Contains(got.stdout, text) {
			s.Errorf("doctor does not say %q", text)
		}
	}
}

// doctorMends asserts that doctor --fix leaves the fleet as it was, and finds nothing afterwards.
func (s *stack) doctorMends(t *testing.T, before map[string]string) {
	t.Helper()
	if got := s.cutover("doctor", "--fix", "--yes"); got.code != 0 {
		t.Errorf("doctor --fix: exit %d", got.code)
	}
	s.isOld(before)
	s.doctorFinds(0)
}
