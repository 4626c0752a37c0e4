package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/report"
)

func newApply(o *options) *cobra.Command {
	return runFlags(&cobra.Command{
		Use: "apply [PLANFILE]", Args: cobra.MaximumNArgs(1), Short: "Replace the fleet's containers, one observed step at a time",
		Long: "Apply prints the plan, asks, and carries it out. A plan saved with plan --out is refused when the fleet has changed since.\n" +
			"The first SIGINT or SIGTERM goes back, the second stops where it is.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return reported(cmd, *o, func(ctx context.Context, r *rollout) error { return r.apply(ctx, args) })
		},
	}, o)
}

func (r *rollout) apply(ctx context.Context, args []string) error {
	session, err := r.lock(ctx, r.options.wait)
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // the process ends now and the lock with it
	if err := r.nothingOpen(ctx, session); err != nil {
		return err
	}
	return r.begun(ctx, session, args)
}

// begun plans, asks and carries out, under a lock that is held.
func (r *rollout) begun(ctx context.Context, session cutover.Session, args []string) error {
	before := time.Now()
	var err error
	var plan cutover.Plan
	if len(args) == 1 {
		plan, err = r.loadPlan(ctx, args[0], r.options.without)
	} else {
		plan, err = r.prepare(ctx, newRolloutID(), r.options.without)
	}
	if err != nil {
		return err
	}
	r.journal = cutover.NewJournal(plan, time.Now())
	r.journal.Without = leftOut(plan)
	r.preparing = time.Since(before)
	if err := r.printPlan(ctx, r.people(), plan); err != nil {
		return err
	}
	if plan.Empty() {
		return r.end(report.Of(report.Run{Journal: r.journal, Outcome: cutover.NothingToDo, Started: before, Finished: time.Now()}))
	}
	if err := confirm(ctx, r.cmd, r.options, fmt.Sprintf("Replace %d containers of %s?", len(plan.Pairs), plan.Spec.Service)); err != nil {
		return err
	}
	if !r.options.yes { // the answer may have taken an hour
		if err := r.stillAsPlanned(ctx, plan); err != nil {
			return err
		}
	}
	return r.carryOut(ctx, session)
}

// leftOut are the load balancers that a plan does not ask.
func leftOut(plan cutover.Plan) []string {
	var names []string
	for _, b := range plan.Spec.Balancers {
		if b.Without {
			names = append(names, b.Name)
		}
	}
	return names
}

// forgetting is what an operator does with the journal of a fleet that was taken over by hand.
func (r *rollout) forgetting() string {
	if r.config.StateInConsul() {
		return "remove its journal with consul kv delete cutover/" + r.config.Service + "/head"
	}
	return "move its journal in " + r.config.StateFolder() + " away"
}

// nothingOpen refuses to begin while an earlier rollout is unfinished.
func (r *rollout) nothingOpen(ctx context.Context, session cutover.Session) error {
	ctx, cancel := within(ctx, "reading the journal")
	defer cancel()
	earlier, err := session.Load(ctx)
	if err != nil {
		return err
	}
	if earlier != nil && earlier.Open() {
		return fmt.Errorf("rollout %s of %s is not finished (%s): carry it on with cutover resume, or go back with cutover rollback "+
			"(if you have taken the fleet over by hand, %s)",
			earlier.Plan.Spec.Rollout, earlier.Plan.Spec.Service, where(*earlier), r.forgetting())
	}
	return nil
}
