// Package fabio looks into fabio by the routes that it has in use. It implements lb.Balancer.
package fabio

import (
	"context"
	"net/netip"
	"slices"

	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/webapi"
)

// Balancer is one fabio.
type Balancer struct{ webapi.Follower }

var _ lb.Balancer = (*Balancer)(nil)

// New checks the configuration; it does not connect. api is the address of the admin interface, such as
// http://10.0.0.7:9998.
func New(name, api string) (*Balancer, error) {
	asked, err := webapi.New(name, api)
	if err != nil {
		return nil, err
	}
	b := &Balancer{webapi.Follower{API: asked, Kind: "fabio"}}
	b.Read = func(ctx context.Context) error {
		_, err := b.routes(ctx)
		return err
	}
	return b, nil
}

// route is one target of the table in use (fabiolb/fabio, admin/api/routes.go).
type route struct {
	Service string  `json:"service"`
	Dst     string  `json:"dst"`
	Weight  float64 `json:"weight"`
}

func (b *Balancer) routes(ctx context.Context) ([]route, error) {
	var all []route // null when there is none
	_, err := b.Get(ctx, "api/routes", nil, &all)
	return all, err
}

// Look implements lb.Balancer. fabio gets what passes from Consul, and sends nothing to a target of weight 0.
func (b *Balancer) Look(ctx context.Context, at []netip.AddrPort) (lb.View, error) {
	all, err := b.routes(ctx)
	if err != nil {
		return lb.View{}, b.Wrap("look into", err)
	}
	var servers []lb.Server
	for _, r := range all {
		to := webapi.Endpoint(r.Dst)
		if !slices.Contains(at, to) {
			continue
		}
		server := lb.Server{Endpoint: to, Name: r.Service + "/" + to.String(), Status: lb.Up}
		if r.Weight > 0 {
			server.Weight = 1
		}
		servers = append(servers, server)
	}
	return webapi.View(servers), nil
}
