//go:build integration

package integration

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/lb/fabio"
	"github.com/cutover/cutover/lb/lbtest"
)

// Load balancers of three kinds must agree; fabio can't tell what is in flight, so the containers' sockets do.
func TestFabioBesideTheOthers(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, nginx: true})
	s.routeToAll() // first, because fabio looks at tags only when a check has changed
	s.start("fabio", composeService{Image: "cutover-demo/fabio:1", Ports: []string{"9999", "9998"}}, "fabio")
	s.fronts = append(s.fronts, "http://"+s.ports["fabio:9999"])
	s.config["load_balancers"] = append(s.config["load_balancers"].([]config),
		config{"name": "fabio", "kind": "fabio", "api": "http://" + s.ports["fabio:9998"], "from": []string{"container:" + s.name + "-fabio"}})
	s.config["strategy"].(config)["drain"].(config)["idle"] = "4s" // fabio keeps its idle connections for ever
	s.writeConfig()
	s.awaitServing(s.fleet...)
	balancer, err := fabio.New("fabio", "http://"+s.ports["fabio:9998"])
	s.must(err)
	gone, err := fabio.New("fabio", "http://127.0.0.1:1")
	s.must(err)
	lbtest.Balancer(t, lbtest.BalancerFixture{
		Balancer: balancer, Up: s.endpoint(s.fleet[0]), Absent: netip.MustParseAddrPort("192.0.2.1:5555"), Unreachable: gone,
	})
	s.whole()
}

// routeToAll registers every node anew with the tag by which fabio finds it.
func (s *stack) routeToAll() {
	s.Helper()
	services, err := s.consul.Agent().Services()
	s.must(err)
	for id, service := range services {
		s.must(s.consul.Agent().ServiceRegister(&api.AgentServiceRegistration{
			ID: id, Name: service.Service, Address: service.Address, Port: service.Port, Meta: service.Meta,
			Tags: slices.Concat(service.Tags, []string{"urlprefix-/"}), Weights: &service.Weights,
		}))
	}
	s.await(20*time.Second, "the checks to pass", func() bool {
		passing, _, err := s.consul.Health().Service("api-gateway", "", true, nil)
		return err == nil && len(passing) == len(s.fleet)
	})
}
