package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/driver"
	"github.com/cutover/cutover/lb"
)

// finding is something that stands in the way of a cutover, with its remedy.
type finding struct {
	node string // whose state could not be told because of it; or empty
	err  error
}

// survey observes the fleet as it is now. The error is that it can't be observed at all. It touches nothing.
func (s *site) survey(ctx context.Context, image cutover.Image) (seen cutover.World, found []finding, err error) {
	looking, cancel := within(ctx, "looking for the fleet's containers")
	nodes, problems, err := s.fleet.Find(looking, image.ID)
	cancel()
	if err != nil {
		return seen, nil, err
	}
	for _, problem := range problems {
		found = append(found, finding{err: problem})
	}
	for i := range nodes {
		if err := s.complete(ctx, &nodes[i]); err != nil {
			found = append(found, finding{nodes[i].Name, err})
		}
	}
	return cutover.World{Nodes: nodes}, found, nil
}

// complete adds the member's and the workload's state to a node.
func (s *site) complete(ctx context.Context, node *cutover.Node) error {
	ctx, cancel := within(ctx, "looking at "+node.Name)
	defer cancel()
	state, registrations, detail, err := s.members.Survey(ctx, node.Name)
	if err != nil {
		return err
	}
	if node.Facts[cutover.Member], err = json.Marshal(registrations); err != nil {
		return err
	}
	node.Member = state
	if state != cutover.Serving && node.Detail == "" {
		node.Detail = detail
	}
	node.Workload = cutover.Active
	if len(s.driver.Procedure(nil).Ladder) < 2 {
		return nil
	}
	workload, err := s.driver.Observe(ctx, node.Name)
	if err != nil {
		workload = cutover.Observation{Detail: err.Error()}
	}
	node.Workload = workload.State
	if workload.State != cutover.Active && node.Detail == "" {
		node.Detail = workload.Detail
	}
	return nil
}

// preflight looks at everything that could stop a cutover of these nodes to an image, and remembers with each node
// what its successor must match. It touches nothing.
func (s *site) preflight(ctx context.Context, seen cutover.World, image cutover.Image, observed bool) []finding {
	var names []string
	var found []finding
	for _, node := range seen.Nodes {
		names = append(names, node.Name)
		for _, problem := range s.surveyDriver(ctx, node) {
			found = append(found, finding{node.Name, problem})
		}
		if err := s.surveySockets(ctx, node.Name); err != nil {
			found = append(found, finding{node.Name, err})
		}
	}
	if err := s.closeFleet(ctx); err != nil {
		found = append(found, finding{err: err})
	}
	found = append(found, s.surveyPeers(ctx)...)
	found = append(found, s.surveyFiles()...)
	found = append(found, s.surveyConsumers(seen)...)
	found = append(found, s.surveyRelease(ctx, seen, image)...)
	if !observed {
		names = nil // what keeps the members from being observed has been found: only the load balancers are left to check
	}
	ctx, cancel := within(ctx, "looking into the load balancers")
	defer cancel()
	for _, problem := range s.members.Check(ctx, names...) {
		found = append(found, finding{err: problem})
	}
	return found
}

func (s *site) surveyDriver(ctx context.Context, node cutover.Node) []error {
	ctx, cancel := within(ctx, "asking the product in "+node.Name)
	defer cancel()
	place, err := s.fleet.Locate(ctx, node.Name)
	if err != nil {
		return []error{err}
	}
	facts, found := s.driver.Survey(ctx, node.Name, place)
	if node.Facts[cutover.Workload], err = json.Marshal(facts); err != nil {
		found = append(found, err)
	}
	return found
}

// lookLimit bounds each look at something before a run.
const lookLimit = 15 * time.Second

func within(ctx context.Context, doing string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, lookLimit, fmt.Errorf("no answer within %s while %s", lookLimit, doing))
}

// spec is what the configuration wants, for this rollout and image, of nodes that were seen like this.
func (s *site) spec(rollout string, image cutover.Image, seen cutover.World, without []string) cutover.Spec {
	c := s.config
	facts := factsOfAll(seen)
	how := s.driver.Procedure(facts)
	spec := cutover.Spec{
		Service: c.Service, Rollout: rollout, Image: image, Earlier: s.backTo.ID != "", Driver: c.Driver.Kind, Ladder: how.Ladder,
		Prepares: how.Prepares, Readiness: how.Readiness, Notes: append(s.origin.Notes(), how.Notes...),
		Strategy: cutover.Strategy{
			Kind: c.Strategy.Kind, MinServing: c.Strategy.MinServing, MaxSurge: c.Strategy.MaxSurge, Start: c.Strategy.Start,
			Shift: c.Strategy.Shift, Hold: c.Strategy.Hold.Std(), Soak: c.Strategy.Soak.Std(),
		},
		Budgets: cutover.Budgets{
			Create: c.Strategy.Timeouts.Create.Std(), Start: c.Strategy.Timeouts.Start.Std(),
			Join: c.Strategy.Timeouts.Join.Std(), Drain: c.Strategy.Drain.Timeout.Std(), Quiesce: c.Strategy.Timeouts.Quiesce.Std(),
			Stop: c.Containers.StopTimeout.Std() + stopMargin, Remove: c.Strategy.Timeouts.Remove.Std(), OnDrainTimeout: cutover.Policy(c.Strategy.Drain.OnTimeout),
		},
	}
	if how.Serial {
		spec.Strategy.Shift = 1 // the vendor's procedure quiesces one node after the other
	}
	if c.Strategy.Kind == cutover.Cluster {
		spec.Notes = append(spec.Notes, "the new set is a cluster of its own: stateful sessions and caches do not carry over to it")
	}
	for i, node := range seen.Nodes {
		if len(facts[i].Consumers) > 0 {
			spec.Consumers = cutover.ConsumerPolicy(c.Strategy.Consumers)
			spec.Notes = append(spec.Notes, node.Name+" works without the load balancers too: "+works(facts[i].Consumers))
		}
	}
	for _, b := range c.LoadBalancers {
		if b.Kind == "nginx" {
			spec.Notes = append(spec.Notes, b.Name+" is nginx, which closes idle connections of clients at every reload: a request that is on its way then is reset, and its client must send it again")
		}
		spec.Balancers = append(spec.Balancers, cutover.Balancer{
			Name: b.Name, Blind: b.Kind == "blind", Settle: b.Settle.Std(),
			Without: slices.Contains(without, b.Name),
		})
	}
	return spec
}

// known tells what is to be registered for a target: what was adopted from the old container, under its own ids, and
// for a new one the same under new ids. The configuration has the last word on tags, meta and weights.
func (s *site) known(target string) []lb.Registration {
	old := s.plan.Old(target)
	isNew := old != ""
	if !isNew {
		old = target
	}
	node, ok := s.plan.Node(old)
	if !ok {
		return nil
	}
	adopted := registrationsOf(node)
	var fresh []lb.Registration
	for _, member := range s.config.Members {
		if !isNew && slices.ContainsFunc(adopted, func(a lb.Registration) bool { return a.Service == member.Service }) {
			continue
		}
		r := lb.Registration{ID: member.Service + "-" + target, Service: member.Service, Port: member.Port}
		if i := slices.IndexFunc(adopted, func(a lb.Registration) bool { return a.Service == member.Service }); i >= 0 {
			r.Tags, r.Meta, r.Weights = adopted[i].Tags, adopted[i].Meta, adopted[i].Weights
		}
		if member.Tags != nil {
			r.Tags = member.Tags
		}
		if member.Meta != nil {
			r.Meta = member.Meta
		}
		if member.Weights != nil {
			r.Weights = lb.Weights{Passing: member.Weights.Passing, Warning: member.Weights.Warning}
		}
		fresh = append(fresh, r)
	}
	if !isNew {
		return append(adopted, fresh...)
	}
	return fresh
}

// registrationsOf are what a node was registered as when the plan was made.
func registrationsOf(node cutover.Node) []lb.Registration {
	var adopted []lb.Registration
	if json.Unmarshal(node.Facts[cutover.Member], &adopted) != nil {
		return nil
	}
	return adopted
}

func (s *site) isNew(target string) bool { return s.plan.Old(target) != "" }

func (s *site) goesBack() bool { return s.session != nil && s.session.last.Direction == cutover.Back }

// inPlan names all containers of the plan, and tells how many must go on serving.
func (s *site) inPlan() (names []string, least int) {
	for _, peer := range s.peers("") {
		names = append(names, peer.Name)
	}
	return names, s.plan.Spec.Strategy.MinServing
}

// foreign reports whether a registration belongs to another container of the rollout. After restarts it may still
// carry the address that this one has now.
func (s *site) foreign(target, registrationID string) bool {
	return slices.ContainsFunc(s.peers(target), func(peer driver.Peer) bool {
		return slices.ContainsFunc(s.known(peer.Name), func(r lb.Registration) bool { return r.ID == registrationID })
	})
}

// target is the image that every container shall run.
func (s *site) target(ctx context.Context) (cutover.Image, error) {
	if s.backTo.ID != "" {
		found, err := s.image(ctx, s.backTo.ID)
		found.Ref = s.backTo.Ref
		return found, err
	}
	ref := s.config.Image.Ref
	if s.builder != nil {
		build, err := s.builder(ctx)
		if err != nil {
			return cutover.Image{}, err
		}
		s.doubts = doubts(build)
		built, err := build.Built(ctx)
		if err != nil {
			return cutover.Image{}, err
		}
		if !built {
			return cutover.Image{}, fmt.Errorf("image %s, for the inputs as they are now, has not been built: run cutover build", build.Ref)
		}
		ref = build.Ref
	}
	return s.image(ctx, ref)
}

// image is what a reference means on the engine now. Where it comes from is remembered, for the plan.
func (s *site) image(ctx context.Context, ref string) (cutover.Image, error) {
	ctx, cancel := within(ctx, "asking Docker for image "+ref)
	defer cancel()
	found, err := s.fleet.Image(ctx, ref)
	if err == nil {
		s.origin, err = s.origins(ctx, found.ID)
	}
	return found, err
}

// reach makes sure that the engine answers. It comes before anything else that is asked of it.
func (s *site) reach(ctx context.Context) error {
	ctx, cancel := within(ctx, "reaching Docker")
	defer cancel()
	return s.fleet.Ping(ctx)
}

// prepare observes, plans and verifies. It touches nothing. Its error joins everything that stands in the way.
func (s *site) prepare(ctx context.Context, rollout string, without []string) (cutover.Plan, error) {
	if err := s.reach(ctx); err != nil {
		return cutover.Plan{}, err
	}
	image, imageErr := s.target(ctx)
	s.wanted = image
	seen, found, err := s.survey(ctx, image)
	if err != nil {
		return cutover.Plan{}, errors.Join(imageErr, err)
	}
	if imageErr != nil {
		found = append([]finding{{err: imageErr}}, found...)
	} else if everywhere(seen, image) {
		return cutover.Build(s.spec(rollout, image, seen, without), seen)
	}
	observed := !slices.ContainsFunc(found, func(f finding) bool { return f.node != "" })
	found = append(found, s.preflight(ctx, seen, image, observed)...)
	plan, err := cutover.Build(s.spec(rollout, image, seen, without), supposing(seen, found))
	if err != nil {
		found = append(found, finding{err: err})
	}
	if err := joined(found); err != nil {
		return cutover.Plan{}, err
	}
	return plan, plan.Verify(seen)
}

// supposing is the world with every node whose state could not be told taken to be well: what was found of it has
// been said, and the planner is to say what else is wrong.
func supposing(seen cutover.World, found []finding) cutover.World {
	supposed := cutover.World{Nodes: slices.Clone(seen.Nodes)}
	for i, node := range supposed.Nodes {
		if slices.ContainsFunc(found, func(f finding) bool { return f.node == node.Name }) {
			supposed.Nodes[i].Container, supposed.Nodes[i].Member, supposed.Nodes[i].Workload = cutover.Healthy, cutover.Serving, cutover.Active
		}
	}
	return supposed
}

// joined is one error with each finding once.
func joined(found []finding) error {
	var errs []error
	said := map[string]bool{}
	for _, f := range found {
		for _, line := range lines(f.err) {
			if !said[line] {
				said[line] = true
				errs = append(errs, errors.New(line))
			}
		}
	}
	return errors.Join(errs...)
}

// everywhere reports whether there is nothing to do; then nothing can be in the way either.
func everywhere(seen cutover.World, image cutover.Image) bool {
	return len(seen.Nodes) > 0 && !slices.ContainsFunc(seen.Nodes, func(n cutover.Node) bool { return n.Image.ID != image.ID })
}
