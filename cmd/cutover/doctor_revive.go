package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cutover/cutover/cutover"
)

// revive makes containers that run serve again where they are now, one after the other: active, healthy, registered and
// out of maintenance, step by step as in a rollout, and under the lock. There is no way back from it: it takes nothing
// down. It returns those that serve. A container that does not come keeps none of the others from it.
func (r *rollout) revive(ctx context.Context, session cutover.Session, p *patient, names []string) (revived []string, err error) {
	ctx = context.WithoutCancel(ctx) // signals are the runner's from here on
	looking, cancel := within(ctx, "looking for the fleet's containers")
	defer cancel()
	nodes, _, err := r.fleet.Find(looking, "")
	if err != nil {
		return nil, err
	}
	for i := range nodes {
		if nodes[i].Facts[cutover.Member], err = json.Marshal(p.remembered(nodes[i].Name)); err != nil {
			return nil, err
		}
	}
	world := cutover.World{Nodes: nodes}
	plan := cutover.Plan{Spec: r.spec(newRolloutID(), cutover.Image{}, world, r.options.without), World: world}
	signals := watchSignals(r.wake)
	defer signals.stop()
	slices.SortStableFunc(names, func(a, b string) int { return len(p.unfit[a]) - len(p.unfit[b]) }) // those that are well need not wait for the others
	for _, name := range names {
		if r.isKeptOut(ctx, p, name) {
			fmt.Fprintf(r.people(), "%s is left alone: it has been put into maintenance meanwhile, or Consul does not tell\n", name)
			continue
		}
		plan.Steps = revival(name, plan.Spec.Budgets, p.inactive[name].State != "")
		journal := revivalJournal(plan, name, p.inactive[name].State, time.Now())
		remembering := &remembering{Session: unjournaled{session}, last: journal}
		r.begin(plan, remembering)
		done := (&cutover.Runner{
			Clock: cutover.WallClock{}, Emit: r.emit(), Resources: r.resources(), Interrupts: signals.count, Wake: r.wake,
		}).Run(ctx, remembering, journal)
		switch done.Outcome {
		case cutover.Done:
			revived = append(revived, name)
		case cutover.LockTrouble, cutover.Interrupted:
			return revived, errors.Join(fmt.Errorf("stopped at %s: %s", name, done.Reason), r.closeFleet(ctx))
		default:
			fmt.Fprintf(r.people(), "%s does not serve: %s\n", name, done.Reason)
		}
	}
	return revived, r.closeFleet(ctx)
}

// isKeptOut looks once more, right before a container is made to serve. What can't be told counts as kept out.
func (r *rollout) isKeptOut(ctx context.Context, p *patient, name string) bool {
	ctx, cancel := within(ctx, "looking at the registrations of "+name)
	defer cancel()
	now := *p
	now.registrations = nil
	for _, member := range p.members {
		registered, err := r.consul.All(ctx, member.Name)
		if err != nil {
			return true
		}
		now.registrations = append(now.registrations, registered...)
	}
	return slices.ContainsFunc(now.belonging(name), keptOut)
}

// revival asks for what a node that serves has. One that is quiesced is woken first: it can't be healthy before.
func revival(name string, t cutover.Budgets, asleep bool) []cutover.Step {
	ask := func(kind cutover.Kind, state cutover.State, timeout time.Duration) cutover.Step {
		return cutover.Step{Kind: kind, Targets: []string{name}, From: state, To: state, Cause: "as it should be", Timeout: timeout, OneWay: true, OnTimeout: cutover.Fail}
	}
	steps := []cutover.Step{
		ask(cutover.Container, cutover.Healthy, t.Stop+t.Start),
		ask(cutover.Member, cutover.Serving, t.Join),
	}
	if asleep {
		return append([]cutover.Step{ask(cutover.Workload, cutover.Active, t.Stop+t.Start)}, steps...)
	}
	return steps
}

// revivalJournal says of a node that is quiesced that it was asked to be: its present life is over, and only a restart gets it back to
// work where the product knows no other way. One that is frozen serves, and is let go in the life that it is in.
func revivalJournal(plan cutover.Plan, name string, workload cutover.State, now time.Time) cutover.Journal {
	journal := cutover.NewJournal(plan, now)
	if workload == cutover.Quiesced {
		quiesced := cutover.Step{Kind: cutover.Workload, Targets: []string{name}, To: cutover.Quiesced}
		journal.History = []cutover.Entry{{Step: quiesced, Direction: cutover.Forward, Started: now, Ended: now}}
	}
	return journal
}

// unjournaled is a session whose journal is kept nowhere: what is done under it can be done again from the beginning.
type unjournaled struct{ cutover.Session }

// Save only makes sure that the lock is held.
func (u unjournaled) Save(context.Context, *cutover.Journal) error {
	select {
	case <-u.Lost():
		return cutover.ErrLost
	default:
		return nil
	}
}
