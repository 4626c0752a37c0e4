// Command cutover replaces running containers behind load balancers without losing a request.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/report"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// run is the whole program; its result is the exit code, which is a contract.
func run(args []string) int {
	signal.Ignore(syscall.SIGPIPE) // a reader of the output that goes away must not end a rollout half-way
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return 0
	}
	var ended *endedError
	if errors.As(err, &ended) {
		return ended.outcome.ExitCode() // the report has said it all
	}
	for _, line := range lines(err) {
		fmt.Fprintln(os.Stderr, "cutover: "+report.Printable(line))
	}
	return outcomeOf(err).ExitCode()
}

// endedError says that a run has ended and been reported.
type endedError struct{ outcome cutover.Outcome }

func (e *endedError) Error() string { return string(e.outcome) }

// lines are the errors that an error joins, one each.
func lines(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, part := range joined.Unwrap() {
			all = append(all, lines(part)...)
		}
		return all
	}
	return []string{err.Error()}
}

// options are what every verb takes.
type options struct {
	file     string
	output   string
	yes      bool
	noColor  bool
	logLevel string
	without  []string
	wait     time.Duration
	report   string
	metrics  string
}

func (o options) json() bool { return o.output == "json" }

func newRoot() *cobra.Command {
	var o options
	root := &cobra.Command{
		Use:           "cutover",
		Short:         "Replace running containers behind load balancers without losing a request",
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if o.output != "text" && o.output != "json" {
				return fmt.Errorf("--output %s: use text or json", o.output)
			}
			_, err := newLogger(cmd.ErrOrStderr(), o)
			return err
		},
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&o.file, "file", "f", "cutover.yaml", "the configuration")
	flags.StringVar(&o.output, "output", "text", "text or json")
	flags.BoolVar(&o.yes, "yes", false, "do not ask")
	flags.BoolVar(&o.noColor, "no-color", os.Getenv("NO_COLOR") != "", "no progress line that redraws itself")
	flags.StringVar(&o.logLevel, "log-level", "error", "trace, debug, info, warn or error; the log goes to standard error")
	root.AddCommand(newCheck(&o), newBuild(&o), newImage(&o), newPlan(&o), newApply(&o), newStatus(&o), newHistory(&o), newDoctor(&o), newResume(&o), newRollback(&o), newAbort(&o), newLB(&o), newVersion(&o), newSocketsHelper())
	return root
}

// runFlags are for the verbs that move something.
func runFlags(cmd *cobra.Command, o *options) *cobra.Command {
	cmd.Flags().StringSliceVar(&o.without, "without", nil, "take a load balancer out of the agreement, by name")
	cmd.Flags().DurationVar(&o.wait, "wait", 0, "wait for the lock, for so long at most; resume and rollback wait 1m when journals are in Consul")
	cmd.Flags().StringVar(&o.report, "report", "", "write a report as JSON to this file")
	cmd.Flags().StringVar(&o.metrics, "metrics", "", "write the figures for Prometheus to this file, which ends in .prom")
	return cmd
}
