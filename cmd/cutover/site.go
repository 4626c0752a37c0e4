package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/config"
	"github.com/cutover/cutover/cutover/docker"
	"github.com/cutover/cutover/cutover/driver"
	"github.com/cutover/cutover/cutover/store"
	"github.com/cutover/cutover/image"
	"github.com/cutover/cutover/lb"
	"github.com/cutover/cutover/lb/consul"
	"github.com/cutover/cutover/lb/haproxy"
)

// site is everything that the configuration names, wired together for one rollout. Nothing is touched by making it.
type site struct {
	config  config.Config
	store   cutover.Store
	docker  docker.Options
	fleet   *docker.Fleet
	driver  driver.Driver
	members *lb.Members
	builder func(context.Context) (*image.Build, error) // nil when there is nothing to build

	containers *docker.Containers // nil until a plan is known
	plan       cutover.Plan
	session    *remembering // nil until the lock is held
}

// open reads the configuration and wires the adapters, in this order: store, engine, driver, members.
func open(o options) (*site, error) {
	s, err := openStore(o)
	if err != nil {
		return nil, err
	}
	c := s.config
	host := c.Hosts[0]
	engine, err := docker.Connect(host.Docker)
	if err != nil {
		return nil, err
	}
	ports, err := c.Containers.Ports()
	if err != nil {
		return nil, err
	}
	s.docker = docker.Options{
		Service: c.Service, Host: host.Name, Label: c.Containers.Label, Network: c.Containers.Network,
		Publish: c.Containers.Publish, HostAddr: host.Addr, Ports: ports, Share: c.Containers.Share,
		SetEnv: c.Containers.Env.Set, UnsetEnv: c.Containers.Env.Unset, StopTimeout: c.Containers.StopTimeout.Std(),
	}
	if s.driver, err = s.newDriver(); err != nil {
		return nil, err
	}
	s.fleet = docker.NewFleet(engine, s.docker, s.driver)
	if s.members, err = s.newMembers(o.without); err != nil {
		return nil, err
	}
	if c.Image.Base != "" {
		spec := imageSpec(c)
		s.builder = func(ctx context.Context) (*image.Build, error) { return image.Prepare(ctx, engine, spec) }
	}
	return s, nil
}

// openStore reads the configuration and opens the store only: what status and abort need, in any state of the rest.
func openStore(o options) (*site, error) {
	c, err := config.Load(o.file)
	if err != nil {
		return nil, err
	}
	journals, err := store.NewFile(c.StateFolder())
	if err != nil {
		return nil, err
	}
	return &site{config: c, store: journals}, nil
}

func imageSpec(c config.Config) image.Spec {
	spec := image.Spec{Base: c.Image.Base, Tag: c.Image.Tag, Properties: c.Path(c.Image.Properties), Labels: c.Image.Labels, Home: c.Image.Home}
	for _, source := range c.Image.Packages {
		spec.Packages = append(spec.Packages, c.Path(source))
	}
	for _, file := range c.Image.Files {
		spec.Files = append(spec.Files, image.File{From: c.Path(file.From), To: file.To})
	}
	return spec
}

// newDriver chooses the driver. Its view of the containers is late bound: the plan is not known yet.
func (s *site) newDriver() (driver.Driver, error) {
	d := s.config.Driver
	containers := driver.Containers{
		Locate: func(ctx context.Context, target string) (cutover.Place, error) { return s.fleet.Locate(ctx, target) },
		Restart: func(ctx context.Context, target string, since time.Time) error {
			if s.containers == nil {
				return errors.New("there is no plan to restart anything for")
			}
			return s.containers.Restart(ctx, target, since)
		},
		QuiescedAt: func(target string) time.Time {
			if s.session == nil {
				return time.Time{}
			}
			return s.session.last.QuiescedAt(target)
		},
	}
	switch d.Kind {
	case "apigateway":
		password, err := s.config.Secret("driver's password", d.PasswordFile, d.PasswordEnv)
		if err != nil {
			return nil, err
		}
		return driver.NewAPIGateway(&driver.APIGateway{
			User: d.User, Password: password, AdminPort: d.Port, QuiescePort: d.QuiescePort,
			DiagnosticPort: d.DiagnosticPort, Flush: d.Flush, Containers: containers,
		}), nil
	case "http":
		return driver.NewHTTP(driver.HTTP{
			Port: d.Port, ReadyPath: d.Ready, ReadyStatus: d.Expect, QuiescePath: d.Quiesce,
			DonePath: d.Done, Containers: containers,
		}), nil
	default:
		return driver.None{}, nil
	}
}

func (s *site) newMembers(without []string) (*lb.Members, error) {
	c := s.config
	token, err := c.Secret("consul's token", c.Consul.TokenFile, c.Consul.TokenEnv)
	if err != nil {
		return nil, err
	}
	agent, err := consul.New(consul.Config{Address: c.Hosts[0].Consul, Token: token})
	if err != nil {
		return nil, err
	}
	var balancers []lb.Balancer
	for _, b := range c.LoadBalancers {
		balancer, err := newBalancer(b)
		if err != nil {
			return nil, err
		}
		balancers = append(balancers, balancer)
	}
	return lb.New(lb.Config{
		Services: services(c.Members), Balancers: balancers, Without: without,
		Locate: func(ctx context.Context, target string) (cutover.Place, error) { return s.fleet.Locate(ctx, target) },
		Agent:  func(string) lb.Intent { return agent },
		Known:  s.known,
		Now:    time.Now,
	})
}

func newBalancer(b config.LoadBalancer) (lb.Balancer, error) {
	if b.Kind == "blind" {
		return lb.NewBlind(b.Name, b.Settle.Std())
	}
	return haproxy.New(haproxy.Config{Name: b.Name, Stats: b.Stats, Master: b.Master, Backend: b.Backend, FollowsRuntime: b.Follows == "runtime"})
}

func services(members []config.Member) []lb.Service {
	var services []lb.Service
	for _, m := range members {
		services = append(services, lb.Service{Name: m.Service, Port: m.Port, Via: m.Via, Check: lb.Check{
			HTTP: m.Check.HTTP, TCP: m.Check.TCP,
			Interval: m.Check.Interval.Std(), Timeout: m.Check.Timeout.Std(),
		}})
	}
	return services
}

// begin binds the adapters to a plan: from here on they can move things.
func (s *site) begin(plan cutover.Plan, session *remembering) {
	s.plan, s.session = plan, session
	s.docker.Rollout = plan.Spec.Rollout
	s.containers = docker.NewContainers(s.fleet.For(s.docker), plan,
		func(target string) time.Time { return session.last.StopAskedAt(target) }, time.Now)
}

// remembering is a session that knows what it saved last, and that asks to go back when the probe has lost a request.
type remembering struct {
	cutover.Session
	last cutover.Journal
	lost func() (why string, lost bool) // may be nil
}

// Asked is the operator's request, or the probe's.
func (r *remembering) Asked() (cutover.Request, bool) {
	if request, asked := r.Session.Asked(); asked {
		return request, true
	}
	if r.lost == nil {
		return cutover.Request{}, false
	}
	why, lost := r.lost()
	return cutover.Request{What: cutover.RequestAbort, Who: why}, lost
}

// Save remembers what was saved.
func (r *remembering) Save(ctx context.Context, journal *cutover.Journal) error {
	if err := r.Session.Save(ctx, journal); err != nil {
		return err
	}
	r.last = *journal
	return nil
}

func newLogger(out io.Writer, o options) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(o.logLevel)
	if err != nil {
		return zerolog.Nop(), fmt.Errorf("--log-level %s: use trace, debug, info, warn or error", o.logLevel)
	}
	return zerolog.New(out).Level(level).With().Timestamp().Logger(), nil
}
