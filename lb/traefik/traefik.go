// Package traefik looks into Traefik by the services that it runs. It implements lb.Balancer.
package traefik

import (
	"context"
	"net/netip"
	"net/url"
	"slices"

	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/webapi"
)

// Balancer is one Traefik, 2 or 3.
type Balancer struct{ webapi.Follower }

var _ lb.Balancer = (*Balancer)(nil)

// New checks the configuration; it does not connect. api is the address of Traefik's API (api.insecure, or a router to
// api@internal), such as http://10.0.0.8:8080.
func New(name, api string) (*Balancer, error) {
	asked, err := webapi.New(name, api)
	if err != nil {
		return nil, err
	}
	b := &Balancer{webapi.Follower{API: asked, Kind: "Traefik"}}
	b.Read = func(ctx context.Context) error {
		_, err := b.services(ctx)
		return err
	}
	return b, nil
}

// service is one that Traefik runs (traefik/traefik, pkg/api/handler_http.go and handler_tcp.go). Those that only lead to
// others have no servers of their own.
type service struct {
	Name         string `json:"name"`
	Status       string `json:"status"`
	LoadBalancer struct {
		Servers []struct {
			URL     string `json:"url"`     // of HTTP
			Address string `json:"address"` // of TCP
			Weight  *int   `json:"weight"`
		} `json:"servers"`
	} `json:"loadBalancer"`
	ServerStatus map[string]string `json:"serverStatus"` // UP or DOWN, by URL or address
}

// maxPages bounds how often one look asks; a page has 1,000 services.
const maxPages = 100

func (b *Balancer) services(ctx context.Context) ([]service, error) {
	var all []service
	for _, path := range []string{"api/http/services", "api/tcp/services"} {
		page := "1"
		for range maxPages {
			var some []service
			next, err := b.Get(ctx, path, url.Values{"per_page": {"1000"}, "page": {page}}, &some)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
			if next == "" || next == "1" { // 1 says that there is none
				break
			}
			page = next
		}
	}
	return all, nil
}

// Look implements lb.Balancer.
func (b *Balancer) Look(ctx context.Context, at []netip.AddrPort) (lb.View, error) {
	all, err := b.services(ctx)
	if err != nil {
		return lb.View{}, b.Wrap("look into", err)
	}
	var servers []lb.Server
	for _, s := range all {
		for _, one := range s.LoadBalancer.Servers {
			where := one.URL + one.Address
			to := webapi.Endpoint(where)
			if !slices.Contains(at, to) {
				continue
			}
			server := lb.Server{Endpoint: to, Name: s.Name + "/" + to.String(), Status: lb.Up, Weight: 1}
			if s.Status == "disabled" || s.ServerStatus[where] == "DOWN" {
				server.Status = lb.Down
			}
			if one.Weight != nil {
				server.Weight = *one.Weight
			}
			servers = append(servers, server)
		}
	}
	return webapi.View(servers), nil
}
