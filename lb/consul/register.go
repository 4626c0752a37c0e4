package consul

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/lb"
)

// maintenancePrefix is how the agent names the check that is a service's maintenance mode.
const maintenancePrefix = "_service_maintenance:"

// Register implements lb.Intent with one PUT /v1/agent/service/register that holds the service, its check (critical
// until it passes for the first time) and the maintenance check. `maintenance?enable=false` removes the latter
// by its name, however it came there. Checks that the id had before are replaced.
func (a *Agent) Register(ctx context.Context, r lb.Registration) error {
	registration := &api.AgentServiceRegistration{
		ID: r.ID, Name: r.Service, Address: r.Address, Port: r.Port, Tags: r.Tags, Meta: r.Meta,
		Checks: api.AgentServiceChecks{check(r), maintenance(r.ID)},
	}
	if r.Weights != (lb.Weights{}) {
		registration.Weights = &api.AgentWeights{Passing: r.Weights.Passing, Warning: r.Weights.Warning}
	}
	opts := api.ServiceRegisterOpts{ReplaceExistingChecks: true}.WithContext(ctx)
	return a.explain("register", a.client.Agent().ServiceRegisterOpts(registration, opts))
}

// maintenance is the check that the agent itself would make. A check that is given with a service needs a type, so
// it is a TTL check that nobody ever passes; an expired TTL only makes it critical again.
func maintenance(id string) *api.AgentServiceCheck {
	return &api.AgentServiceCheck{
		CheckID: maintenancePrefix + id, Name: "Service Maintenance Mode", Notes: "cutover",
		Status: api.HealthCritical, TTL: "87600h",
	}
}

func check(r lb.Registration) *api.AgentServiceCheck {
	hostPort := net.JoinHostPort(r.Address, strconv.Itoa(r.Port))
	c := &api.AgentServiceCheck{
		CheckID: "service:" + r.ID, Name: fmt.Sprintf("%s health", r.Service), Status: api.HealthCritical,
		Interval: r.Check.Interval.String(),
	}
	if r.Check.Timeout > 0 {
		c.Timeout = r.Check.Timeout.String()
	}
	if r.Check.TCP {
		c.TCP, c.TCPUseTLS = hostPort, r.Check.TLS
	} else {
		scheme := "http://"
		if r.Check.TLS {
			scheme = "https://"
		}
		c.HTTP, c.Method, c.Header = scheme+hostPort+r.Check.HTTP, r.Check.Method, r.Check.Header
	}
	c.TLSSkipVerify = r.Check.SkipVerify
	return c
}
