package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/report"
)

// reported runs a verb that moves something, and sees to it that there is a report whatever comes of it (but for a
// command line that can't be read): a script must not read that of the run before. Until the first step SIGINT, SIGTERM and
// SIGHUP end the verb's context. From then on a terminal that is closed (SIGHUP) changes nothing: the rollout goes on to its
// end, as it would with nobody looking, and status tells of it from anywhere.
func reported(cmd *cobra.Command, o options, verb func(context.Context, *rollout) error) error {
	ctx, done := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer done()
	r := &rollout{cmd: cmd, options: o}
	started := time.Now()
	var err error
	if r.site, err = open(o); err == nil {
		err = verb(ctx, r)
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("interrupted: nothing was touched: %w", err)
	}
	var ended *endedError
	if err == nil || errors.As(err, &ended) {
		return err
	}
	refused := report.Of(report.Run{Journal: r.journal, Outcome: outcomeOf(err), Reason: strings.Join(lines(err), "\n"), Started: started, Finished: time.Now()})
	if r.site != nil {
		refused.Service = r.config.Service
	}
	return errors.Join(err, r.keep(refused))
}

// outcomeOf is how a verb ended that moved nothing.
func outcomeOf(err error) cutover.Outcome {
	var locked *cutover.LockedError
	if errors.As(err, &locked) || errors.Is(err, cutover.ErrLost) {
		return cutover.LockTrouble
	}
	return cutover.Refused
}

// keep writes the report where programs look for it.
func (r *rollout) keep(final report.Report) error {
	if r.options.json() {
		if err := printJSON(r.cmd, final); err != nil {
			return err
		}
	}
	var failed error
	if r.options.metrics != "" {
		failed = final.WriteMetrics(r.options.metrics)
	}
	if r.options.report != "" {
		failed = errors.Join(failed, final.Write(r.options.report))
	}
	return failed
}

// end reports how a run ended, to people and to programs.
func (r *rollout) end(final report.Report) error {
	fmt.Fprint(r.people(), "\n", report.Printable(final.String()))
	if err := r.keep(final); err != nil {
		fmt.Fprintln(r.cmd.ErrOrStderr(), "cutover:", err) // the outcome matters more
	}
	if final.ExitCode == 0 {
		return nil
	}
	return &endedError{final.Outcome}
}
