package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/report"
)

func newHistory(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "history", Args: cobra.NoArgs, Short: "Tell which rollouts there were, the youngest first; needs no lock",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := openStore(*o)
			if err != nil {
				return err
			}
			ctx, cancel := within(cmd.Context(), "reading the history")
			defer cancel()
			records, err := s.store.Past(ctx, s.config.Service)
			if err != nil {
				return err
			}
			journal, holder, err := s.store.Peek(ctx, s.config.Service)
			if err != nil {
				return err
			}
			if journal != nil {
				records = append([]cutover.Record{journal.Record()}, records...)
			}
			if o.json() {
				return printJSON(cmd, map[string]any{"service": s.config.Service, "running": holder != nil, "rollouts": records})
			}
			printHistory(cmd.OutOrStdout(), s.config.Service, records, holder != nil)
			return nil
		},
	}
}

func printHistory(out io.Writer, serviceName string, records []cutover.Record, running bool) {
	if len(records) == 0 {
		fmt.Fprintf(out, "%s: no rollout has been made\n", serviceName)
	}
	for i, r := range records {
		outcome, took := string(r.Outcome), ""
		switch {
		case outcome == "" && i == 0 && running:
			outcome = "running"
		case outcome == "":
			outcome = "not finished"
		}
		if !r.Ended.IsZero() {
			took = r.Ended.Sub(r.Started).Round(time.Second).String()
		}
		fmt.Fprintf(out, "%s  %s  %-12s  %8s  %3d containers to %s\n", r.Started.Local().Format(time.DateTime), r.Rollout, outcome, took, r.Containers, r.Image.Ref)
		if r.Reason != "" {
			fmt.Fprintf(out, "    because: %s\n", report.Printable(r.Reason))
		}
	}
}
