package main

import (
	"context"
	"math"
	"slices"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/docker"
	"github.com/cutover/cutover/cutover/driver"
	"github.com/cutover/cutover/image"
	"github.com/cutover/cutover/lb"
)

// patient is everything that was seen of a service at one moment.
type patient struct {
	service       string
	members       []lb.Service
	journal       *cutover.Journal
	holder        *cutover.Holder // of the lock, when that is another process
	containers    []docker.Found
	registrations []lb.Registration
	unfit         map[string]string              // containers that run and that the product does not call healthy, and why
	inactive      map[string]cutover.Observation // containers whose workload is not active, and what it is
	suspended     map[string]string              // containers that do nothing of what they would do without the load balancers, and what that is
	untold        map[string]string              // why that can't be told of a container
	disagreement  []error                        // of the load balancers with Consul
	helpers       []string
	leftovers     []image.Old
}

// open is the journal of an unfinished rollout, or nil.
func (p *patient) open() *cutover.Journal {
	if p.journal == nil || !p.journal.Open() {
		return nil
	}
	return p.journal
}

// examine looks at everything; it changes nothing. locked tells that this process holds the lock itself.
func (s *site) examine(ctx context.Context, locked bool) (*patient, error) {
	if err := s.reach(ctx); err != nil {
		return nil, err
	}
	p := &patient{service: s.config.Service, members: services(s.config.Members), unfit: map[string]string{}, inactive: map[string]cutover.Observation{}, suspended: map[string]string{}, untold: map[string]string{}}
	looking, cancel := within(ctx, "looking at containers, Consul and the journal")
	defer cancel()
	var err error
	if p.journal, p.holder, err = s.store.Peek(looking, p.service); err != nil {
		return nil, err
	}
	if locked {
		p.holder = nil
	}
	if p.containers, err = s.fleet.Everything(looking); err != nil {
		return nil, err
	}
	for _, member := range p.members {
		registered, err := s.consul.All(looking, member.Name)
		if err != nil {
			return nil, err
		}
		p.registrations = append(p.registrations, registered...)
	}
	if p.helpers, err = s.fleet.Helpers(looking); err != nil {
		return nil, err
	}
	s.examineProducts(ctx, p)
	p.disagreement = s.members.Check(ctx, p.reachable()...)
	p.leftovers, err = s.unnamed(ctx)
	return p, err
}

// reachable are the containers that run, are registered where they are, and so are looked for in the load balancers.
func (p *patient) reachable() (names []string) {
	for _, c := range p.containers {
		if c.Running() && slices.ContainsFunc(p.registrations, func(r lb.Registration) bool { return p.leadsTo(r, c) }) {
			names = append(names, c.Name)
		}
	}
	return names
}

// examineProducts asks the product in every container that runs.
func (s *site) examineProducts(ctx context.Context, p *patient) {
	for _, c := range p.containers {
		if !c.Running() {
			continue
		}
		asking, cancel := within(ctx, "asking the product in "+c.Name)
		ready, detail, err := s.driver.Ready(asking, c.Name, c.Place)
		if err != nil {
			ready, detail = false, err.Error()
		}
		if !ready {
			p.unfit[c.Name] = detail
		}
		if len(s.driver.Procedure(nil).Ladder) > 1 {
			seen, err := s.driver.Observe(asking, c.Name)
			switch {
			case err != nil:
				p.unfit[c.Name] = err.Error()
			case seen.State == "": // it may be starting
				p.unfit[c.Name] = seen.Detail
			case seen.State != cutover.Active:
				p.inactive[c.Name] = seen
			}
		}
		if consumer, ok := s.driver.(driver.Consumer); ok && p.unfit[c.Name] == "" && p.inactive[c.Name].State == "" {
			if seen, err := consumer.Consumers().Observe(asking, c.Name); err != nil {
				p.untold[c.Name] = err.Error()
			} else if seen.State == cutover.Suspended {
				p.suspended[c.Name] = seen.Detail
			}
		}
		cancel()
	}
}

// unnamed are what killed builds have left over.
func (s *site) unnamed(ctx context.Context) ([]image.Old, error) {
	if s.builder == nil {
		return nil, nil
	}
	ctx, cancel := within(ctx, "looking for what builds have left over")
	defer cancel()
	all, err := image.FindOld(ctx, s.carrier.Engine, s.config.Image.Tag, "", math.MaxInt) // how many are kept is prune's to say
	return slices.DeleteFunc(all, func(o image.Old) bool { return o.Keep }), err
}
