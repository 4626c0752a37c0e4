package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/config"
)

func newResume(o *options) *cobra.Command {
	return runFlags(&cobra.Command{
		Use: "resume", Args: cobra.NoArgs, Short: "Carry an unfinished rollout on, in its direction",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return reported(cmd, *o, func(ctx context.Context, r *rollout) error {
				return r.goOn(ctx, func(*cutover.Journal) error { return nil })
			})
		},
	}, o)
}

func newRollback(o *options) *cobra.Command {
	return runFlags(&cobra.Command{
		Use: "rollback", Args: cobra.NoArgs, Short: "Go back from an unfinished rollout to the fleet as it was",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return reported(cmd, *o, func(ctx context.Context, r *rollout) error {
				r.wanted = cutover.RolledBack
				return r.goOn(ctx, func(j *cutover.Journal) error { return j.TurnRound("rollback was asked for") })
			})
		},
	}, o)
}

// goOn takes the journal of an unfinished rollout up where it is.
func (r *rollout) goOn(ctx context.Context, turn func(*cutover.Journal) error) error {
	session, err := r.store.Acquire(ctx, r.config.Service)
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // the process ends now and the lock with it
	journal, err := session.Load(ctx)
	if err != nil {
		return err
	}
	if journal == nil || !journal.Open() {
		return fmt.Errorf("no rollout of %s is unfinished: there is nothing to carry on or to go back from", r.config.Service)
	}
	if was := journal.Plan.Spec.Driver; was != r.config.Driver.Kind {
		return fmt.Errorf("rollout %s was begun with driver.kind %s, the configuration says %s: it can't be carried on with another one: restore the configuration",
			journal.Plan.Spec.Rollout, was, r.config.Driver.Kind)
	}
	if how := r.driver.Procedure(factsOfAll(journal.Plan.World)); !slices.Equal(how.Ladder, journal.Plan.Spec.Ladder) || how.Prepares != journal.Plan.Spec.Prepares ||
		cmp.Or(journal.Plan.Spec.Strategy.Kind, cutover.Rolling) != r.config.Strategy.Kind {
		return fmt.Errorf("rollout %s was begun with another strategy.kind, or with another way to quiesce, than the configuration says: it can't be carried on like that: restore the configuration", journal.Plan.Spec.Rollout)
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
