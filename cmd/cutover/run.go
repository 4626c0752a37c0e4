package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/config"
	"github.com/cutover/cutover/cutover/probe"
	"github.com/cutover/cutover/cutover/report"
)

// stopMargin is what a stop may take beyond the time after which SIGKILL is sent.
const stopMargin = 15 * time.Second

// rollout is one run of a journal, with all that watches it.
type rollout struct {
	*site
	cmd       *cobra.Command
	options   options
	journal   cutover.Journal
	preparing time.Duration
	wanted    cutover.Outcome        // the outcome, beside done, that the operator asked for
	step      atomic.Pointer[string] // the step that is running, for lost requests
}

// carryOut runs the journal to its end, under traffic where a probe is configured, and reports. It blocks. Until the
// first step ctx ends it, with nothing touched; from then on signals are the runner's. Its error is an endedError
// unless nothing was begun.
func (r *rollout) carryOut(ctx context.Context, session cutover.Session) error {
	signals := watchSignals(r.wake)
	defer signals.stop()
	watching, unwatch := context.WithCancel(context.WithoutCancel(ctx))
	defer unwatch()
	for _, member := range r.config.Members {
		go r.consul.Watch(watching, member.Service, func() { poke(r.wake) })
	}
	remembering := &remembering{Session: session, last: r.journal}
	r.begin(r.journal.Plan, remembering)
	r.warmSockets(ctx, r.people())
	earlier := len(r.journal.History)
	traffic, warm, err := r.startProbe(ctx)
	if err != nil {
		return errors.Join(err, r.closeFleet(ctx))
	}
	if warm && r.config.Probe.OnLoss == "rollback" {
		remembering.lost = func() (string, bool) { return lostOne(traffic) }
	}
	started := time.Now()
	runner := cutover.Runner{
		Clock: cutover.WallClock{}, Emit: r.emit(),
		Resources: r.resources(), Locate: r.fleet.Locate,
		Poll:       map[cutover.Kind]time.Duration{cutover.Member: 20 * time.Millisecond, cutover.Container: 50 * time.Millisecond, cutover.Workload: 50 * time.Millisecond, cutover.Consumers: 50 * time.Millisecond},
		Interrupts: signals.count, Wake: r.wake,
	}
	done := runner.Run(context.WithoutCancel(ctx), remembering, r.journal)
	if left := session.Left(); done.Outcome != cutover.LockTrouble && left > 0 { // without the lock nothing more is asked of anybody
		if err := r.closeDriver(ctx, left); err != nil {
			done.Warnings = append(done.Warnings, err.Error())
		}
	}
	if err := r.closeFleet(ctx); err != nil {
		done.Warnings = append(done.Warnings, err.Error())
	}
	run := report.Run{
		Journal: done, Outcome: done.Outcome, Reason: done.Reason, Started: started, Finished: time.Now(),
		Preparing: r.preparing, Earlier: earlier, Propagation: propagations(r.members.Propagations()),
	}
	if traffic != nil {
		summary := traffic.Stop()
		run.Probe = &summary
		if summary.Lost > 0 && done.Outcome == cutover.Done {
			run.Journal.Warnings = append(run.Journal.Warnings, "requests were lost, and it was too late to go back, or on_loss is report")
		}
	}
	final := report.Of(run)
	if final.Outcome == r.wanted {
		final.ExitCode = 0
	}
	return r.end(final)
}

// lostOne tells why the probe wants to go back: the promise is that nothing is lost.
func lostOne(traffic *probe.Probe) (string, bool) {
	first, lost := traffic.FirstLoss()
	if !lost {
		return "", false
	}
	return fmt.Sprintf("the probe, which has lost a request (%s: %s)", first.Request, first.Why), true
}

// startProbe sends traffic until it is warm, and marks the beginning of the cutover. A front door that answers badly
// keeps a rollout from being begun, but never from being carried on or taken back: then warm is false, and what is lost
// is only counted.
func (r *rollout) startProbe(ctx context.Context) (traffic *probe.Probe, warm bool, err error) {
	c := r.config.Probe
	if len(c.Requests) == 0 {
		return nil, false, ctx.Err()
	}
	traffic = probe.Start(context.WithoutCancel(ctx), probe.Options{
		Requests: probeRequests(c), VersionHeader: c.VersionHeader, Resend: closesIdle(r.config.LoadBalancers),
		Timeout: c.Timeout.Std(), Step: func() string {
			if step := r.step.Load(); step != nil {
				return *step
			}
			return "warm-up"
		},
	})
	err = traffic.WarmUp(ctx, c.WarmUp.Std())
	warm = err == nil
	if begun := len(r.journal.History) > 0; err != nil && begun && ctx.Err() == nil {
		fmt.Fprintf(r.people(), "warning: lost requests are counted, but do not turn the run round: %s\n", strings.Join(lines(err), "; "))
		err = nil
	}
	if err != nil {
		traffic.Stop()
		return nil, false, err
	}
	traffic.Begin()
	return traffic, warm, nil
}

// closesIdle reports whether a load balancer closes its clients' idle connections at every reload: nginx does.
func closesIdle(balancers []config.LoadBalancer) bool {
	return slices.ContainsFunc(balancers, func(b config.LoadBalancer) bool { return b.Kind == "nginx" })
}

func probeRequests(c config.Probe) []probe.Request {
	var requests []probe.Request
	for _, q := range c.Requests {
		requests = append(requests, probe.Request{Method: q.Method, URL: q.URL, Body: q.Body, Rate: q.Rate, Expect: q.Expect})
	}
	return requests
}

// emit tells every sink of an event.
func (r *rollout) emit() func(cutover.Event) {
	logger, err := newLogger(r.cmd.ErrOrStderr(), r.options)
	if err != nil {
		panic(err) // the level was checked before anything else
	}
	log := report.Log{Logger: logger}
	progress := &report.Progress{Out: r.people(), Width: r.width()}
	return func(e cutover.Event) {
		if e.Type == cutover.EventStep {
			step := fmt.Sprintf("%s %d: %s", e.Direction, e.Number, e.Step)
			r.step.Store(&step)
		}
		progress.Emit(e)
		log.Emit(e)
	}
}

// people is where text for people goes: with JSON on standard output that is standard error.
func (r *rollout) people() io.Writer {
	if r.options.json() {
		return r.cmd.ErrOrStderr()
	}
	return r.cmd.OutOrStdout()
}

// width is that of the terminal, or 0 where lines must not be redrawn.
func (r *rollout) width() int {
	file, ok := r.people().(*os.File)
	if !ok || r.options.noColor || !term.IsTerminal(int(file.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

func printJSON(cmd *cobra.Command, value any) error {
	encoder := json.NewEncoder(cmd.OutOrStdout())
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
