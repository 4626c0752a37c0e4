package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/config"
)

func newResume(o *options) *cobra.Command {
	return runFlags(&cobra.Command{
		Use: "resume", Args: cobra.NoArgs, Short: "Carry an unfinished rollout on, in its direction",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return reported(cmd, *o, func(ctx context.Context, r *rollout) error {
				session, journal, err := r.takeUp(ctx)
				if err != nil {
					return err
				}
				defer session.Close() //nolint:errcheck // the process ends now and the lock with it
				if journal == nil || !journal.Open() {
					return fmt.Errorf("no rollout of %s is unfinished: there is nothing to carry on", r.config.Service)
				}
				return r.goOn(ctx, session, journal, func(*cutover.Journal) error { return nil })
			})
		},
	}, o)
}

func newRollback(o *options) *cobra.Command {
	return runFlags(&cobra.Command{
		Use: "rollback", Args: cobra.NoArgs, Short: "Go back: from an unfinished rollout, or, after one that is done, to the image before it",
		Long: "An unfinished rollout goes back step by step to the fleet as it was. After one that is done the old containers are gone: then a new\n" +
			"rollout replaces the containers by ones of the image before.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return reported(cmd, *o, func(ctx context.Context, r *rollout) error { return r.goBack(ctx) })
		},
	}, o)
}

func (r *rollout) goBack(ctx context.Context) error {
	session, journal, err := r.takeUp(ctx)
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // the process ends now and the lock with it
	if journal == nil || !journal.Open() {
		last, err := r.lastDone(ctx, journal)
		if err != nil {
			return err
		}
		r.backTo = last.Replaced[0]
		fmt.Fprintf(r.people(), "rollout %s of %s is done: going back is a new rollout, to %s\n\n", last.Rollout, r.config.Service, r.backTo.Ref)
		return r.begun(ctx, session, nil)
	}
	r.wanted = cutover.RolledBack
	return r.goOn(ctx, session, journal, func(j *cutover.Journal) error { return j.TurnRound("rollback was asked for") })
}

// lastDone is the last rollout that replaced the fleet. One that has gone back since is an error: whoever types rollback
// twice does not mean the version before that.
func (r *rollout) lastDone(ctx context.Context, journal *cutover.Journal) (cutover.Record, error) {
	if journal != nil && journal.Outcome == cutover.RolledBack {
		return cutover.Record{}, fmt.Errorf("rollout %s of %s went back already, and the fleet is as it was before it: to go back further, name the image in image.ref, and apply",
			journal.Plan.Spec.Rollout, r.config.Service)
	}
	ctx, cancel := within(ctx, "reading the history")
	defer cancel()
	records, err := r.store.Past(ctx, r.config.Service)
	if err != nil {
		return cutover.Record{}, err
	}
	if journal != nil {
		records = append([]cutover.Record{journal.Record()}, records...)
	}
	i := slices.IndexFunc(records, func(r cutover.Record) bool { return r.Outcome == cutover.Done })
	if i < 0 {
		return cutover.Record{}, fmt.Errorf("no rollout of %s is unfinished, and none is done: there is nothing to go back from", r.config.Service)
	}
	if n := len(records[i].Replaced); n != 1 {
		return cutover.Record{}, fmt.Errorf("before rollout %s the containers of %s ran %d different images: name the one that you want in image.ref, and apply",
			records[i].Rollout, r.config.Service, n)
	}
	return records[i], nil
}

// takeUp takes the lock and reads the journal; nil when there is none.
func (r *rollout) takeUp(ctx context.Context) (cutover.Session, *cutover.Journal, error) {
	patience := r.options.wait
	if patience == 0 && r.config.StateInConsul() {
		patience = time.Minute // a lock whose owner died elsewhere is free within 45 s
	}
	session, err := r.lock(ctx, patience)
	if err != nil {
		return nil, nil, err
	}
	reading, cancel := within(ctx, "reading the journal")
	defer cancel()
	journal, err := session.Load(reading)
	if err != nil {
		return nil, nil, errors.Join(err, session.Close())
	}
	return session, journal, nil
}

// goOn takes the journal of an unfinished rollout up where it is.
func (r *rollout) goOn(ctx context.Context, session cutover.Session, journal *cutover.Journal, turn func(*cutover.Journal) error) error {
	if was := journal.Plan.Spec.Driver; was != r.config.Driver.Kind {
		return fmt.Errorf("rollout %s was begun with driver.kind %s, the configuration says %s: it can't be carried on with another one: restore the configuration",
			journal.Plan.Spec.Rollout, was, r.config.Driver.Kind)
	}
	if how := r.driver.Procedure(factsOfAll(journal.Plan.World)); !slices.Equal(how.Ladder, journal.Plan.Spec.Ladder) || how.Prepares != journal.Plan.Spec.Prepares ||
		cmp.Or(journal.Plan.Spec.Strategy.Kind, cutover.Rolling) != r.config.Strategy.Kind {
		return fmt.Errorf("rollout %s was begun with another strategy.kind, or with another way to quiesce, than the configuration says: it can't be carried on like that: restore the configuration", journal.Plan.Spec.Rollout)
	}
	if journal.Plan.Spec.Earlier {
		r.backTo = journal.Plan.Spec.Image
	}
	if err := turn(journal); err != nil {
		return err
	}
	if err := r.reach(ctx); err != nil {
		return err
	}
	r.journal = *journal
	fmt.Fprintf(r.people(), "rollout %s of %s: %s\n", journal.Plan.Spec.Rollout, journal.Plan.Spec.Service, where(*journal))
	rest := cutover.Plan{Steps: journal.Steps()[min(journal.Cursor, len(journal.Steps())):]}
	fmt.Fprintf(r.people(), "\n%s\n", rest.Rows())
	if err := r.leaveOut(append(slices.Clone(r.journal.Without), r.options.without...)); err != nil {
		return err
	}
	if err := confirm(ctx, r.cmd, r.options, "Go on?"); err != nil {
		return err
	}
	return r.carryOut(ctx, session)
}

// leaveOut takes load balancers out of the agreement, says so and notes it in the journal. One that the configuration
// has no longer is nobody's to ask any more; that is said too.
func (r *rollout) leaveOut(names []string) error {
	for _, b := range r.journal.Plan.Spec.Balancers {
		if !slices.ContainsFunc(r.config.LoadBalancers, func(c config.LoadBalancer) bool { return c.Name == b.Name }) {
			fmt.Fprintf(r.people(), "NOT ASKED for its agreement, because the configuration has it no longer: %s\n", b.Name)
		}
	}
	if unknown := slices.IndexFunc(r.options.without, func(name string) bool {
		return !slices.ContainsFunc(r.config.LoadBalancers, func(c config.LoadBalancer) bool { return c.Name == name })
	}); unknown >= 0 {
		return fmt.Errorf("--without %s: there is no such load balancer in the configuration", r.options.without[unknown])
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return !slices.ContainsFunc(r.config.LoadBalancers, func(b config.LoadBalancer) bool { return b.Name == name })
	})
	r.journal.Without = slices.Compact(slices.Sorted(slices.Values(names)))
	applyWithout(&r.journal.Plan, names)
	if len(names) > 0 {
		fmt.Fprintf(r.people(), "NOT ASKED for their agreement: %s\n", strings.Join(r.journal.Without, ", "))
	}
	var err error
	r.members, err = r.newMembers(r.journal.Without)
	return err
}

// applyWithout notes in a plan whose agreement was given up.
func applyWithout(plan *cutover.Plan, without []string) {
	plan.Spec.Balancers = slices.Clone(plan.Spec.Balancers)
	for i := range plan.Spec.Balancers {
		if slices.Contains(without, plan.Spec.Balancers[i].Name) {
			plan.Spec.Balancers[i].Without = true
		}
	}
}
