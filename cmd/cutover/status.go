package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/report"
)

// statusReport is what status says, for programs.
type statusReport struct {
	Service   string            `json:"service"`
	Running   bool              `json:"running"`
	Holder    *cutover.Holder   `json:"holder,omitempty"`
	Rollout   string            `json:"rollout,omitempty"`
	Image     string            `json:"image,omitempty"`
	Outcome   cutover.Outcome   `json:"outcome,omitempty"` // empty while it is not over
	Direction cutover.Direction `json:"direction,omitempty"`
	Step      int               `json:"step,omitempty"`
	Of        int               `json:"of,omitempty"`
	Doing     string            `json:"doing,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	Started   *time.Time        `json:"started,omitempty"`
	Resumable bool              `json:"resumable"`
}

func newStatus(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "status", Args: cobra.NoArgs, Short: "Tell what is running and how far it has come; needs no lock",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := openStore(*o)
			if err != nil {
				return err
			}
			ctx, cancel := within(cmd.Context(), "reading the journal")
			defer cancel()
			journal, holder, err := s.store.Peek(ctx, s.config.Service)
			if err != nil {
				return err
			}
			status := statusOf(s.config.Service, journal, holder)
			if o.json() {
				return printJSON(cmd, status)
			}
			fmt.Fprint(cmd.OutOrStdout(), report.Printable(status.String()))
			return nil
		},
	}
}

func statusOf(service string, journal *cutover.Journal, holder *cutover.Holder) statusReport {
	s := statusReport{Service: service, Running: holder != nil, Holder: holder}
	if journal == nil {
		return s
	}
	s.Rollout, s.Image, s.Outcome = journal.Plan.Spec.Rollout, journal.Plan.Spec.Image.Ref, journal.Outcome
	s.Direction, s.Reason, s.Started = journal.Direction, journal.Reason, &journal.Started
	steps := journal.Steps()
	s.Step, s.Of = min(journal.Cursor+1, len(steps)), len(steps)
	if journal.Open() && journal.Cursor < len(steps) {
		s.Doing = steps[journal.Cursor].String()
	}
	s.Resumable = journal.Open() && holder == nil
	return s
}

func (s statusReport) String() string {
	if s.Rollout == "" {
		return fmt.Sprintf("%s: no rollout has been made from here\n", s.Service)
	}
	text := fmt.Sprintf("%s, rollout %s to %s, started %s\n", s.Service, s.Rollout, s.Image, s.Started.Local().Format(time.DateTime))
	switch {
	case s.Outcome != "" && s.Outcome != cutover.Stuck:
		text += fmt.Sprintf("  %s\n", s.Outcome)
	case s.Running:
		text += fmt.Sprintf("  running, %s: step %d of %d: %s\n  by %s\n", s.Direction, s.Step, s.Of, s.Doing, s.Holder)
	case s.Outcome == cutover.Stuck:
		text += fmt.Sprintf("  STUCK, going %s: step %d of %d: %s\n  mend what is named below, then cutover resume\n", s.Direction, s.Step, s.Of, s.Doing)
	default:
		text += fmt.Sprintf("  NOT FINISHED and nobody runs it, going %s: step %d of %d: %s\n  carry it on with cutover resume, or go back with cutover rollback\n",
			s.Direction, s.Step, s.Of, s.Doing)
	}
	if s.Reason != "" {
		text += fmt.Sprintf("  because: %s\n", s.Reason)
	}
	return text
}

// where says how far a journal has come.
func where(journal cutover.Journal) string {
	steps := journal.Steps()
	if journal.Cursor >= len(steps) {
		return "all steps are done"
	}
	return fmt.Sprintf("going %s, step %d of %d: %s", journal.Direction, journal.Cursor+1, len(steps), steps[journal.Cursor])
}
