package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover"
)

func newResume(o *options) *cobra.Command {
	return runFlags(&cobra.Command{
		Use: "resume", Args: cobra.NoArgs, Short: "Carry an unfinished rollout on, in its direction",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return goOn(cmd, *o, cutover.Done, func(*cutover.Journal) error { return nil })
		},
	}, o)
}

func newRollback(o *options) *cobra.Command {
	return runFlags(&cobra.Command{
		Use: "rollback", Args: cobra.NoArgs, Short: "Go back from an unfinished rollout to the fleet as it was",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return goOn(cmd, *o, cutover.RolledBack, func(j *cutover.Journal) error { return j.TurnRound("rollback was asked for") })
		},
	}, o)
}

// goOn takes the journal of an unfinished rollout up where it is. Ending as wanted is exit code 0.
func goOn(cmd *cobra.Command, o options, wanted cutover.Outcome, turn func(*cutover.Journal) error) error {
	s, err := open(o)
	if err != nil {
		return err
	}
	session, err := s.store.Acquire(cmd.Context(), s.config.Service)
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // the process ends now and the lock with it
	journal, err := session.Load(cmd.Context())
	if err != nil {
		return err
	}
	if journal == nil || !journal.Open() {
		return fmt.Errorf("no rollout of %s is unfinished: there is nothing to carry on or to go back from", s.config.Service)
	}
	if err := turn(journal); err != nil {
		return err
	}
	r := &rollout{site: s, cmd: cmd, options: o, journal: *journal, wanted: wanted}
	fmt.Fprintf(r.people(), "rollout %s of %s: %s\n", journal.Plan.Spec.Rollout, journal.Plan.Spec.Service, where(*journal))
	rest := cutover.Plan{Steps: journal.Steps()[min(journal.Cursor, len(journal.Steps())):]}
	fmt.Fprintf(r.people(), "\n%s\n", rest.Rows())
	if len(o.without) > 0 {
		r.journal.Without = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(r.journal.Without), o.without...))))
		applyWithout(&r.journal.Plan, o.without)
	}
	if s.members, err = s.newMembers(r.journal.Without); err != nil {
		return err
	}
	if len(r.journal.Without) > 0 {
		fmt.Fprintf(r.people(), "NOT ASKED for their agreement: %v\n", r.journal.Without)
	}
	if err := confirm(cmd, o, "Go on?"); err != nil {
		return err
	}
	return r.carryOut(session)
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
