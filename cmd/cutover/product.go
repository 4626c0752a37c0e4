package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/config"
	"github.com/cutover/cutover/cutover/driver"
)

// newDriver chooses the driver of the product that the containers run.
func (s *site) newDriver() (driver.Driver, error) {
	d := s.config.Driver
	switch d.Kind {
	case "apigateway", "integrationserver":
		server, err := s.newServer(d)
		if err != nil {
			return nil, err
		}
		if d.Kind == "integrationserver" {
			return driver.NewIntegrationServer(&driver.IntegrationServer{Server: server, Minutes: d.Minutes, MayDiffer: s.mayDiffer()}), nil
		}
		gateway := &driver.APIGateway{
			Server: server, Flush: d.Flush, Freeze: s.config.Strategy.Kind == cutover.BlueGreen, Store: d.DataStore, MayDiffer: s.mayDiffer(),
		}
		if d.Quiesce == "drain" {
			gateway.Drain = d.Minutes
		}
		if d.Webhook != (config.Webhook{}) {
			gateway.Webhook = &driver.Webhook{Listen: d.Webhook.Listen, URL: d.Webhook.URL, Poke: func() { poke(s.wake) }}
		}
		return driver.NewAPIGateway(gateway), nil
	case "http":
		return driver.NewHTTP(driver.HTTP{
			Port: d.Port, ReadyPath: d.Ready, ReadyStatus: d.Expect, QuiescePath: d.Quiesce,
			DonePath: d.Done, CountPath: d.InFlight, Containers: s.seenByDriver(),
		}), nil
	default:
		return driver.None{}, nil
	}
}

func (s *site) newServer(d config.Driver) (driver.Server, error) {
	password, err := s.config.Secret("driver's password", d.PasswordFile, d.PasswordEnv)
	if err != nil {
		return driver.Server{}, err
	}
	var secure *tls.Config
	if d.HTTPS {
		if secure, err = (driver.TLS{
			CAFile: s.config.Path(d.CAFile), CertFile: s.config.Path(d.CertFile), KeyFile: s.config.Path(d.KeyFile), ServerName: d.ServerName, Insecure: d.Insecure,
		}).Config(); err != nil {
			return driver.Server{}, err
		}
	}
	server := driver.Server{
		User: d.User, Password: password, AdminPort: d.Port, QuiescePort: d.QuiescePort, DiagnosticPort: d.DiagnosticPort,
		TLS: secure, Containers: s.seenByDriver(), Earlier: func() bool { return s.backTo.ID != "" }, SharedClients: d.ClientIDs == "shared",
	}
	for _, source := range s.config.Image.Packages {
		server.Expect = append(server.Expect, strings.TrimSuffix(path.Base(source), ".zip"))
	}
	if s.config.Strategy.Kind == cutover.Cluster {
		server.Separate = &driver.Separate{Name: d.Separate.Name, Addresses: d.Separate.Addresses, Database: d.Separate.Database}
	}
	return server, nil
}

// mayDiffer names the files that the new containers are meant to have in another form: those that the configuration
// names, and those that it puts into the image.
func (s *site) mayDiffer() []string {
	names := slices.Clone(s.config.Driver.MayDiffer)
	for _, file := range s.config.Image.Files {
		to := file.To
		if strings.HasSuffix(to, "/") {
			to += path.Base(file.From)
		}
		if name := driver.Outside(to); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// seenByDriver is the driver's view of the containers. It is late bound: the plan is not known yet.
func (s *site) seenByDriver() driver.Containers {
	return driver.Containers{
		Locate: func(ctx context.Context, target string) (cutover.Place, error) { return s.fleet.Locate(ctx, target) },
		Restart: func(ctx context.Context, target string, since cutover.Moment) error {
			if s.containers == nil {
				return errors.New("there is no plan to restart anything for")
			}
			return s.containers.Restart(ctx, target, since)
		},
		KeepUp:   func(ctx context.Context, target string) error { return s.containers.KeepUp(ctx, target) },
		Moved:    func(ctx context.Context, target string) error { return s.members.Refresh(ctx, target) },
		KeepDown: func(ctx context.Context, target string) error { return s.containers.KeepDown(ctx, target) },
		QuiescedAt: func(target string) cutover.Moment {
			if s.session == nil {
				return cutover.Moment{}
			}
			return s.session.last.QuiescedAt(target)
		},
		QuiesceBegan: func(target string) cutover.Moment {
			if s.session == nil {
				return cutover.Moment{}
			}
			return s.session.last.QuiesceBegan(target)
		},
		Turned: func() string {
			if s.session == nil {
				return ""
			}
			return s.session.last.Reason
		},
		Facts: s.facts, Peers: s.peers,
		Old: func(target string) string { return s.plan.Old(target) },
		Hashes: func(ctx context.Context, target string, paths []string) (map[string]string, error) {
			return s.fleet.Hashes(ctx, target, paths)
		},
		Environment: func(ctx context.Context, target string) (now, next map[string]string, err error) {
			if s.wanted.ID == "" {
				return nil, nil, nil // what is wrong with the image is said elsewhere
			}
			return s.fleet.Environment(ctx, target, s.wanted.ID)
		},
	}
}

// facts are those of the old node that a target is, or replaces.
func (s *site) facts(target string) (driver.Facts, bool) {
	name := target
	if old := s.plan.Old(target); old != "" {
		name = old
	}
	node, ok := s.plan.Node(name)
	if !ok {
		return driver.Facts{}, false
	}
	return factsOf(node), true
}

// factsOf are what the driver remembered of a node; none when it was not asked.
func factsOf(node cutover.Node) driver.Facts {
	var facts driver.Facts
	if raw, ok := node.Facts[cutover.Workload]; ok {
		if err := json.Unmarshal(raw, &facts); err != nil {
			return driver.Facts{} // written by this program
		}
	}
	return facts
}

func factsOfAll(seen cutover.World) []driver.Facts {
	var all []driver.Facts
	for _, node := range seen.Nodes {
		all = append(all, factsOf(node))
	}
	return all
}

// peers are the other containers of the rollout, old and new.
func (s *site) peers(target string) []driver.Peer {
	var peers []driver.Peer
	add := func(name string, isNew bool) {
		if name != "" && name != target {
			peers = append(peers, driver.Peer{Name: name, New: isNew})
		}
	}
	for _, node := range s.plan.World.Nodes {
		add(node.Name, false)
	}
	for _, pair := range s.plan.Pairs {
		add(pair.New, true)
	}
	return peers
}

// starting keeps the consumers of new containers suspended from the first moment at which they can be asked.
func (s *site) starting(ctx context.Context, target string, _ cutover.Place) error {
	consumer, ok := s.driver.(driver.Consumer)
	if !ok || s.plan.Spec.Consumers != cutover.Exclusive {
		return nil
	}
	err := consumer.Consumers().Set(ctx, target, cutover.Suspended)
	if driver.Silent(err) {
		return cutover.NotYet(err)
	}
	return err
}

// Ready is the driver's word, and for new containers that may not consume yet, that they don't.
func (s *site) Ready(ctx context.Context, target string, place cutover.Place) (bool, string, error) {
	ready, detail, err := s.driver.Ready(ctx, target, place)
	if !ready || err != nil || s.plan.Spec.Consumers != cutover.Exclusive || s.plan.Old(target) == "" {
		return ready, detail, err
	}
	seen, err := s.driver.(driver.Consumer).Consumers().Observe(ctx, target)
	if err != nil {
		return false, detail + "\nconsumers: " + err.Error(), nil
	}
	return seen.State == cutover.Suspended, detail + "\nconsumers " + seen.Detail, nil
}

// resources are the ladders of a run.
func (s *site) resources() map[cutover.Kind]cutover.Resource {
	all := map[cutover.Kind]cutover.Resource{cutover.Container: s.containers, cutover.Member: s.members, cutover.Workload: s.driver}
	if consumer, ok := s.driver.(driver.Consumer); ok {
		all[cutover.Consumers] = consumer.Consumers()
	}
	return all
}

// closeDriver lets go of what the driver holds outside this process.
func (s *site) closeDriver(ctx context.Context, left time.Duration) error {
	closer, ok := s.driver.(interface{ Close(context.Context) error })
	if !ok {
		return nil
	}
	ctx, cancel := within(context.WithoutCancel(ctx), "removing the driver's webhook")
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, left)
	defer cancel()
	return closer.Close(ctx)
}

// surveyConsumers finds work that does not come through the load balancers and for which nothing is decided.
func (s *site) surveyConsumers(seen cutover.World) (found []finding) {
	for _, node := range seen.Nodes {
		if work := factsOf(node).Consumers; len(work) > 0 && s.config.Strategy.Consumers == "" {
			found = append(found, finding{err: fmt.Errorf("%s works without the load balancers (%s), and its replacement would from the moment it starts: say strategy.consumers: exclusive (the new one waits until the old one has stopped) or overlap (both at a time)",
				node.Name, works(work))})
		}
	}
	return found
}

func works(all []driver.Work) string {
	var names []string
	for _, w := range all {
		names = append(names, w.String())
	}
	return strings.Join(names, ", ")
}

// surveyRelease refuses to roll a stateful Integration Server cluster from one release to another.
func (s *site) surveyRelease(ctx context.Context, seen cutover.World, image cutover.Image) (found []finding) {
	if s.config.Driver.Kind != "integrationserver" || s.config.Strategy.Kind == cutover.Cluster || s.config.Strategy.SameRelease || image.ID == "" {
		return nil
	}
	ctx, cancel := within(ctx, "reading the images' versions")
	defer cancel()
	for _, node := range seen.Nodes {
		if !factsOf(node).Clustered || node.Image.ID == image.ID {
			continue
		}
		was, err := s.fleet.Release(ctx, node.Image.ID, node.Image.Ref)
		if err != nil {
			return append(found, finding{err: err})
		}
		is, err := s.fleet.Release(ctx, image.ID, image.Ref)
		if err != nil {
			return append(found, finding{err: err})
		}
		const source = "the vendor's Cluster Upgrade Guidelines (Installer 10.11) shut down all nodes of a stateful cluster for a new release, so it can't be rolled"
		const remedy = "use strategy.kind cluster, a whole new set with a cluster and an ISInternal of its own"
		switch {
		case was == "" || is == "":
			found = append(found, finding{err: fmt.Errorf("%s is in a stateful cluster, and whether %s is of the same release can't be told (from %q to %q): %s: label the images with org.opencontainers.image.version, or say strategy.same_release: true", node.Name, image.Ref, was, is, source)})
		case was != is:
			found = append(found, finding{err: fmt.Errorf("%s is in a stateful cluster of release %s, and %s is of release %s: %s: %s", node.Name, was, image.Ref, is, source, remedy)})
		}
	}
	return found
}
