package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/report"
)

func newCheck(o *options) *cobra.Command {
	measures := false
	check := &cobra.Command{
		Use: "check", Args: cobra.NoArgs, Short: "List everything that could stop a cutover, each with its remedy; touch nothing",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := open(*o)
			if err != nil {
				return err
			}
			problems := problemsIn(s.check(cmd.Context(), o.without))
			remarks, err := s.remarks(cmd.Context())
			more, moreErr := s.balancerRemarks(cmd.Context(), o.without)
			for _, problem := range problemsIn(errors.Join(err, moreErr)) {
				if !slices.Contains(problems, problem) {
					problems = append(problems, problem)
				}
			}
			remarks = slices.Concat(remarks, s.doubts, more)
			var clocks []measured
			if measures && len(problems) == 0 {
				clocks, err = s.measure(cmd.Context())
				problems = problemsIn(err)
			}
			if o.json() {
				err = printJSON(cmd, map[string]any{"service": s.config.Service, "problems": problems, "remarks": remarks, "measured": clocks})
			} else {
				s.printCheck(cmd, problems, remarks)
				for _, clock := range clocks {
					fmt.Fprintf(cmd.OutOrStdout(), "   measured: %s\n", clock)
				}
				err = nil
			}
			if err == nil && len(problems) > 0 {
				err = &endedError{cutover.Refused}
			}
			return err
		},
	}
	check.Flags().BoolVar(&measures, "measure", false, "if nothing stands in the way, register a canary for a moment to see how long load balancers take to follow; each reloads twice")
	return check
}

func (s *site) printCheck(cmd *cobra.Command, problems, remarks []string) {
	out := cmd.OutOrStdout()
	for i, problem := range problems {
		fmt.Fprintf(out, "%d. %s\n", i+1, report.Printable(problem))
	}
	if len(problems) == 0 {
		fmt.Fprintf(out, "%s: nothing stands in the way of a cutover\n", s.config.Service)
	}
	for _, remark := range remarks {
		fmt.Fprintf(out, "   remark: %s\n", report.Printable(remark))
	}
}

func problemsIn(err error) []string {
	if err == nil {
		return []string{}
	}
	return lines(err)
}

// check goes through everything, even when one part fails.
func (s *site) check(ctx context.Context, without []string) error {
	var found []error
	journal, holder, err := s.store.Peek(ctx, s.config.Service)
	switch {
	case err != nil:
		found = append(found, err)
	case holder != nil:
		found = append(found, &cutover.LockedError{Service: s.config.Service, Holder: *holder})
	case journal != nil && journal.Open():
		found = append(found, fmt.Errorf("rollout %s is not finished (%s): cutover resume or cutover rollback", journal.Plan.Spec.Rollout, where(*journal)))
	}
	_, err = s.prepare(ctx, newRolloutID(), without)
	return errors.Join(append(found, err)...)
}

// whoAmI is the user and the machine, for people.
func whoAmI() string {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}
