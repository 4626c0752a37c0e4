package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover"
)

func newPlan(o *options) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "plan", Args: cobra.NoArgs, Short: "Print what apply would do; touch nothing",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := open(*o)
			if err != nil {
				return err
			}
			plan, err := s.prepare(cmd.Context(), newRolloutID(), o.without)
			if err != nil {
				return err
			}
			if out != "" {
				if err := savePlan(out, plan); err != nil {
					return err
				}
			}
			if o.json() {
				return printJSON(cmd, plan)
			}
			return s.printPlan(cmd.Context(), cmd.OutOrStdout(), plan)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "save the plan for cutover apply FILE")
	cmd.Flags().StringSliceVar(&o.without, "without", nil, "take a load balancer out of the agreement, by name")
	return cmd
}

// printPlan prints the plan, and what Compose would do to the fleet afterwards.
func (s *site) printPlan(ctx context.Context, out interface{ Write([]byte) (int, error) }, plan cutover.Plan) error {
	if _, err := fmt.Fprint(out, plan); err != nil || plan.Empty() {
		return err
	}
	note, err := s.fleet.ComposeNote(ctx, plan)
	if err != nil {
		return err
	}
	if note != "" {
		_, err = fmt.Fprintf(out, "\n%s\n", note)
	}
	return err
}

func savePlan(path string, plan cutover.Plan) error {
	data, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	return nil
}

// loadPlan reads a saved plan and refuses it when the fleet is no longer the one it was made for.
func (s *site) loadPlan(ctx context.Context, path string, without []string) (cutover.Plan, error) {
	var plan cutover.Plan
	data, err := os.ReadFile(path)
	if err != nil {
		return plan, fmt.Errorf("read the plan: %w", err)
	}
	if err := json.Unmarshal(data, &plan); err != nil {
		return plan, fmt.Errorf("read the plan %s: %w: save it again with cutover plan --out", path, err)
	}
	if plan.Spec.Service != s.config.Service {
		return plan, fmt.Errorf("the plan %s is for service %q, the configuration for %q: use the one it was made with", path, plan.Spec.Service, s.config.Service)
	}
	if err := s.fleet.Ping(ctx); err != nil {
		return plan, err
	}
	seen, found, err := s.survey(ctx, plan.Spec.Image)
	if err != nil {
		return plan, err
	}
	applyWithout(&plan, without)
	if err := plan.Verify(seen); err != nil {
		found = append(found, finding{err: err})
	}
	return plan, joined(append(found, s.preflight(ctx, seen, true)...))
}

func newRolloutID() string {
	id := make([]byte, 2)
	rand.Read(id) // it never fails (crypto/rand)
	return hex.EncodeToString(id)
}
