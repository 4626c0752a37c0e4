package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	"github.com/cutover/cutover/lb/fabio"
	"github.com/cutover/cutover/lb/haproxy"
	"github.com/cutover/cutover/lb/nginx"
	"github.com/cutover/cutover/lb/traefik"
)

// site is everything that the configuration names, wired together for one rollout. Nothing is touched by making it.
type site struct {
	config    config.Config
	store     cutover.Store
	docker    docker.Options
	fleet     *docker.Fleet
	driver    driver.Driver
	members   *lb.Members
	consul    *consul.Agent
	balancers []lb.Balancer
	builder   func(context.Context) (*image.Build, error) // nil when there is nothing to build
	trials    func(context.Context, image.TrialSpec) (*image.Trial, error)
	origins   func(ctx context.Context, ref string) (image.Origin, error)
	carrier   image.Carrier

	origin     image.Origin       // of what is wanted
	doubts     []string           // about what is to be built; after target
	backTo     cutover.Image      // what a rollback after success goes back to, in place of the configuration's image
	wanted     cutover.Image      // what every container shall run; empty until that is known
	containers *docker.Containers // nil until a plan is known
	plan       cutover.Plan
	session    *remembering // nil until the lock is held
	wake       chan struct{}
}

// open reads the configuration and wires the adapters, in this order: store, engine, driver, members.
func open(o options) (*site, error) {
	s, err := openStore(o)
	if err != nil {
		return nil, err
	}
	c := s.config
	host := c.Hosts[0]
	engine, err := docker.Connect(host.Docker, engineTLS(c))
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
		Carry: c.Containers.Carry, Keep: c.Containers.Keep, KeepFolder: c.Path(c.Containers.KeepFolder),
		Stores: c.Containers.Stores, LaidOut: c.Strategy.Timeouts.Start.Std(),
		SetEnv: c.Containers.Env.Set, UnsetEnv: c.Containers.Env.Unset, StopTimeout: c.Containers.StopTimeout.Std(),
	}
	if s.driver, err = s.newDriver(); err != nil {
		return nil, err
	}
	s.fleet = docker.NewFleet(engine, s.docker, s)
	if s.members, err = s.newMembers(o.without); err != nil {
		return nil, err
	}
	s.carrier = image.Carrier{Engine: engine}
	s.trials = func(ctx context.Context, spec image.TrialSpec) (*image.Trial, error) {
		return image.Try(ctx, engine, spec)
	}
	s.origins = func(ctx context.Context, ref string) (image.Origin, error) { return image.OriginOf(ctx, engine, ref) }
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
	s := &site{config: c, wake: make(chan struct{}, 1)}
	if !c.StateInConsul() {
		s.store = store.NewFile(c.StateFolder())
		return s, nil
	}
	agent, err := newAgent(c, cmp.Or(c.Consul.Address, c.Hosts[0].Consul))
	if err != nil {
		return nil, err
	}
	s.store = store.NewConsul(agent.Client(), agent.Address())
	return s, nil
}

// newAgent prepares a client of one Consul agent; it does not connect.
func newAgent(c config.Config, address string) (*consul.Agent, error) {
	token, err := c.Secret("consul's token", c.Consul.TokenFile, c.Consul.TokenEnv)
	if err != nil {
		return nil, err
	}
	secure := c.Consul.TLS
	return consul.New(consul.Config{Address: address, Token: token, TLS: consul.TLS{
		CAFile: c.Path(secure.CAFile), CertFile: c.Path(secure.CertFile), KeyFile: c.Path(secure.KeyFile), Address: secure.ServerName,
	}})
}

func engineTLS(c config.Config) docker.TLS {
	secure := c.Hosts[0].TLS
	return docker.TLS{CAFile: c.Path(secure.CAFile), CertFile: c.Path(secure.CertFile), KeyFile: c.Path(secure.KeyFile)}
}

func imageSpec(c config.Config) image.Spec {
	spec := image.Spec{
		Base: c.Image.Base, Tag: c.Image.Tag, Properties: c.Path(c.Image.Properties), Labels: c.Image.Labels, Home: c.Image.Home,
		AllowSecrets: c.Image.AllowSecrets, Folder: c.Folder, Memory: imageMemory(c), Platform: c.Image.Platform, Output: os.Stderr,
	}
	for _, command := range c.Image.Run {
		spec.Run = append(spec.Run, imageCommand(c, command))
	}
	for _, source := range c.Image.Sources {
		for _, found := range source.Paths(c.Folder) {
			spec.Packages = append(spec.Packages, image.PackageSource{Path: c.Path(found), Override: source.Override})
		}
	}
	for _, file := range c.Image.Files {
		spec.Files = append(spec.Files, image.File{From: c.Path(file.From), To: file.To})
	}
	return spec
}

// imageMemory is a file of the user's cache for each folder and service. Without a cache every input is read each time.
func imageMemory(c config.Config) string {
	folder, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(c.Folder + "\x00" + c.Service))
	return filepath.Join(folder, "cutover", "image-"+hex.EncodeToString(sum[:6])+".json")
}

func (s *site) newMembers(without []string) (*lb.Members, error) {
	c := s.config
	agent, err := newAgent(c, c.Hosts[0].Consul)
	if err != nil {
		return nil, err
	}
	s.consul = agent
	var balancers []lb.Balancer
	for _, b := range c.LoadBalancers {
		balancer, err := newBalancer(c, b)
		if err != nil {
			return nil, err
		}
		balancers = append(balancers, balancer)
	}
	s.balancers = balancers
	return lb.New(lb.Config{
		Services: services(c.Members), Balancers: balancers, Without: without,
		Locate: func(ctx context.Context, target string) (cutover.Place, error) { return s.fleet.Locate(ctx, target) },
		Agent:  func(string) lb.Intent { return agent },
		Known:  s.known, Foreign: s.foreign, Sockets: s.sockets(), InFlight: s.inFlight, Fleet: s.inPlan, New: s.isNew, Back: s.goesBack, Classes: classes(c.Strategy.Drain.Classes),
		Now: time.Now,
	})
}

func newBalancer(c config.Config, b config.LoadBalancer) (lb.Balancer, error) {
	switch b.Kind {
	case "blind":
		return lb.NewBlind(b.Name, b.Settle.Std())
	case "traefik":
		return traefik.New(b.Name, b.API)
	case "fabio":
		return fabio.New(b.Name, b.API)
	case "nginx":
		return nginx.New(nginx.Config{Name: b.Name, Members: b.Members})
	}
	password, err := c.Secret("the password of "+b.Name+"'s stats page", b.PasswordFile, b.PasswordEnv)
	if err != nil {
		return nil, err
	}
	return haproxy.New(haproxy.Config{
		Name: b.Name, Stats: b.Stats, Master: b.Master, Backend: b.Backend, FollowsRuntime: b.Follows == "runtime",
		User: b.User, Password: password, CAFile: c.Path(b.CAFile), Insecure: b.Insecure, Settle: b.Settle.Std(),
	})
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
		func(target string) cutover.Moment { return session.last.StopAskedAt(target) }, time.Now)
	s.containers.Starting = s.starting
	if stopper, ok := s.driver.(driver.Stopper); ok {
		s.containers.Stopping = stopper.Stopping
	}
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
