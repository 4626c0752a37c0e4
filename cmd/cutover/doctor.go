package main

import (
	"context"
	"fmt"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/report"
)

func newDoctor(o *options) *cobra.Command {
	var fix bool
	cmd := &cobra.Command{
		Use: "doctor", Args: cobra.NoArgs, Short: "Find what a crash, or a restart of the machine, has left behind; --fix mends what is safe",
		Long: "Doctor compares the containers, Consul, the load balancers and the products, and lists what does not fit, each with its remedy.\n" +
			"It touches nothing without --fix, and judges nothing while a rollout runs. With --fix it takes the lock, and makes the containers\n" +
			"that run serve again where they are now: it wakes them, registers them and ends the maintenance that a rollout has left on. It\n" +
			"never removes what may hold something, and never stops what serves.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, done := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			defer done()
			cmd.SetContext(ctx)
			return doctor(cmd, *o, fix)
		},
	}
	cmd.Flags().BoolVar(&fix, "fix", false, "mend what is safe")
	cmd.Flags().StringSliceVar(&o.without, "without", nil, "do not ask a load balancer, by name")
	cmd.Flags().DurationVar(&o.wait, "wait", 0, "with --fix: wait for the lock, for so long at most")
	return cmd
}

// symptom is something that does not fit, and what to do about it.
type symptom struct {
	What   string `json:"what"`
	Remedy string `json:"remedy"`
	Fixed  bool   `json:"fixed"`

	mend func(context.Context, *site) error // nil: it is the operator's
	node string                             // the container that must be made to serve again
}

func (s symptom) mendable() bool { return s.mend != nil || s.node != "" }

func doctor(cmd *cobra.Command, o options, fix bool) error {
	s, err := open(o)
	if err != nil {
		return err
	}
	r := &rollout{site: s, cmd: cmd, options: o}
	ctx := cmd.Context()
	var session cutover.Session
	if fix {
		if session, err = r.lock(ctx, o.wait); err != nil {
			return err
		}
		defer session.Close() //nolint:errcheck // the process ends now and the lock with it
	}
	p, err := s.examine(ctx, fix)
	if err != nil {
		return err
	}
	symptoms := p.diagnose()
	if fix && slices.ContainsFunc(symptoms, symptom.mendable) {
		if symptoms, err = r.mendAfterAsking(ctx, session, p, symptoms); err != nil {
			return err
		}
	}
	if err := s.printSymptoms(cmd, o, symptoms); err != nil {
		return err
	}
	if remains(symptoms, fix && p.open() == nil) {
		return &endedError{cutover.Refused}
	}
	return nil
}

// remains reports whether something is left to be done. After mending, what doctor only tells does not count.
func remains(symptoms []symptom, mending bool) bool {
	return slices.ContainsFunc(symptoms, func(s symptom) bool { return !s.Fixed && (!mending || s.mendable()) })
}

// mendAfterAsking mends what is found again after the question was answered: that may have taken an hour.
func (r *rollout) mendAfterAsking(ctx context.Context, session cutover.Session, p *patient, symptoms []symptom) ([]symptom, error) {
	n := 0
	for _, one := range symptoms {
		if one.mendable() {
			n++
			fmt.Fprintf(r.people(), "to mend: %s\n", report.Printable(one.What))
		}
	}
	if err := confirm(ctx, r.cmd, r.options, fmt.Sprintf("Mend these %d?", n)); err != nil {
		return nil, err
	}
	if !r.options.yes {
		var err error
		if p, err = r.examine(ctx, true); err != nil {
			return nil, err
		}
		shown := symptoms
		symptoms = p.diagnose()
		for i := range symptoms {
			if !slices.ContainsFunc(shown, func(s symptom) bool { return s.What == symptoms[i].What }) {
				symptoms[i].mend, symptoms[i].node = nil, "" // nobody was asked about it
			}
		}
	}
	return r.mendAll(ctx, session, p, symptoms)
}

func (s *site) printSymptoms(cmd *cobra.Command, o options, symptoms []symptom) error {
	if o.json() {
		if symptoms == nil {
			symptoms = []symptom{}
		}
		return printJSON(cmd, map[string]any{"service": s.config.Service, "symptoms": symptoms})
	}
	out := cmd.OutOrStdout()
	if len(symptoms) == 0 {
		fmt.Fprintf(out, "%s: containers, Consul, load balancers and products fit together, and nothing is left over\n", s.config.Service)
	}
	for i, one := range symptoms {
		one.What, one.Remedy = report.Printable(one.What), report.Printable(one.Remedy)
		switch {
		case one.Fixed:
			fmt.Fprintf(out, "%d. mended: %s\n", i+1, one.What)
		case one.mendable():
			fmt.Fprintf(out, "%d. %s\n   cutover doctor --fix mends it; by hand: %s\n", i+1, one.What, one.Remedy)
		default:
			fmt.Fprintf(out, "%d. %s\n   %s\n", i+1, one.What, one.Remedy)
		}
	}
	return nil
}

// mendAll mends what can be, in this order: what leads nowhere goes, then what runs is made to serve again. What could
// not be mended stays a symptom, with the reason.
func (r *rollout) mendAll(ctx context.Context, session cutover.Session, p *patient, symptoms []symptom) ([]symptom, error) {
	var nodes []string
	for i := range symptoms {
		one := &symptoms[i]
		if one.node != "" && !slices.Contains(nodes, one.node) {
			nodes = append(nodes, one.node)
		}
		if one.mend == nil {
			continue
		}
		err := r.mendOne(ctx, session, *one)
		if one.Fixed = err == nil; err != nil {
			one.Remedy = fmt.Sprintf("it could not be mended: %v; by hand: %s", err, one.Remedy)
		}
	}
	if len(nodes) == 0 {
		return symptoms, nil
	}
	if err := ctx.Err(); err != nil {
		return symptoms, context.Cause(ctx)
	}
	revived, err := r.revive(ctx, session, p, nodes)
	for i := range symptoms {
		if one := &symptoms[i]; slices.Contains(revived, one.node) {
			one.Fixed = true
		}
	}
	return symptoms, err
}

// mendOne makes the request of one symptom, for as long as the lock is certainly held.
func (r *rollout) mendOne(ctx context.Context, session cutover.Session, one symptom) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	left := session.Left()
	if left <= 0 {
		return cutover.ErrLost
	}
	ctx, cancel := within(ctx, "mending: "+one.What)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, left)
	defer cancel()
	return one.mend(ctx, r.site)
}
