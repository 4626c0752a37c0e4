package consul

import (
	"context"
	"fmt"

	"github.com/hashicorp/consul/api"
)

// mayRead asks once per service whether the token may read it, because lists leave out what it may not.
func (a *Agent) mayRead(ctx context.Context, serviceName string) error {
	a.mu.Lock()
	known := a.readable[serviceName]
	a.mu.Unlock()
	if known {
		return nil
	}
	q := (&api.QueryOptions{}).WithContext(ctx)
	var ignored any
	_, err := a.client.Raw().Query("/v1/agent/health/service/name/"+serviceName, &ignored, q)
	switch code(err) {
	case 404, 429, 503: // not there, warning, critical: all of them are answers
	default:
		if err != nil {
			return a.explain("read service "+serviceName, err)
		}
	}
	a.mu.Lock()
	a.readable[serviceName] = true
	a.mu.Unlock()
	return nil
}

// ownAddress is the agent's address, asked for once: it does not change while the agent runs.
func (a *Agent) ownAddress(ctx context.Context) (string, error) {
	a.mu.Lock()
	known := a.self
	a.mu.Unlock()
	if known != "" {
		return known, nil
	}
	var info struct{ Member struct{ Addr string } }
	q := (&api.QueryOptions{}).WithContext(ctx)
	if _, err := a.client.Raw().Query("/v1/agent/self", &info, q); err != nil {
		return "", a.explain("read the agent's own address", err)
	}
	address := info.Member.Addr
	if address == "" {
		return "", fmt.Errorf("read the agent's own address at Consul %s: it tells none, and a service is registered without one", a.address)
	}
	a.mu.Lock()
	a.self = address
	a.mu.Unlock()
	return address, nil
}
