package main

import (
	"fmt"
	"os/signal"
	"syscall"
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
		RunE: func(cmd *cobra.Command, args []string) error { return apply(cmd, *o, args) },
	}, o)
}

func apply(cmd *cobra.Command, o options, args []string) error {
	// Until the first step a signal ends the program: nothing has been touched.
	ctx, done := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer done()
	s, err := open(o)
	if err != nil {
		return err
	}
	session, err := s.store.Acquire(ctx, s.config.Service)
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // the process ends now and the lock with it
	if err := nothingOpen(cmd, session); err != nil {
		return err
	}
	r := &rollout{site: s, cmd: cmd, options: o}
	before := time.Now()
	var plan cutover.Plan
	if len(args) == 1 {
		plan, err = s.loadPlan(ctx, args[0], o.without)
	} else {
		plan, err = s.prepare(ctx, newRolloutID(), o.without)
	}
	if err != nil {
		return err
	}
	r.preparing = time.Since(before)
	if err := s.printPlan(ctx, r.people(), plan); err != nil {
		return err
	}
	if plan.Empty() {
		return r.end(report.Of(report.Run{Journal: cutover.NewJournal(plan, before), Outcome: cutover.NothingToDo, Started: before, Finished: time.Now()}))
	}
	if err := confirm(cmd, o, fmt.Sprintf("Replace %d containers of %s?", len(plan.Pairs), plan.Spec.Service)); err != nil {
		return err
	}
	r.journal = cutover.NewJournal(plan, time.Now())
	r.journal.Without = o.without
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: nothing was touched")
	}
	return r.carryOut(session)
}

// nothingOpen refuses to begin while an earlier rollout is unfinished.
func nothingOpen(cmd *cobra.Command, session cutover.Session) error {
	earlier, err := session.Load(cmd.Context())
	if err != nil {
		return err
	}
	if earlier != nil && earlier.Open() {
		return fmt.Errorf("rollout %s of %s is not finished (%s): carry it on with cutover resume, or go back with cutover rollback",
			earlier.Plan.Spec.Rollout, earlier.Plan.Spec.Service, where(*earlier))
	}
	return nil
}
