package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"

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
	ctx, cancel := within(ctx, "asking Docker who made the fleet")
	defer cancel()
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

// loadPlan reads a saved plan and refuses it when the fleet is no longer the one it was made for. What the plan leaves
// out of the agreement stays left out.
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
	saved := leftOut(plan)
	if s.members, err = s.newMembers(append(saved, without...)); err != nil {
		return plan, err
	}
	if err := s.stillAsPlanned(ctx, plan); err != nil {
		return plan, err
	}
	s.wanted = plan.Spec.Image
	again, err := cutover.Build(s.spec(plan.Spec.Rollout, plan.Spec.Image, plan.World, saved), plan.World)
	if err != nil {
		return plan, err
	}
	if again.String() != plan.String() || !reflect.DeepEqual(again.Spec, plan.Spec) {
		return plan, fmt.Errorf("the configuration is not the one that the plan %s was made with: plan again", path)
	}
	if plan, err = cutover.Build(s.spec(plan.Spec.Rollout, plan.Spec.Image, plan.World, append(saved, without...)), plan.World); err != nil || plan.Empty() {
		return plan, err
	}
	return plan, joined(s.preflight(ctx, plan.World, plan.Spec.Image, true))
}

// stillAsPlanned observes the fleet again and refuses a plan that was made for another one.
func (s *site) stillAsPlanned(ctx context.Context, plan cutover.Plan) error {
	if err := s.reach(ctx); err != nil {
		return err
	}
	if _, err := s.image(ctx, plan.Spec.Image.ID); err != nil {
		return err
	}
	seen, found, err := s.survey(ctx, plan.Spec.Image)
	if err != nil {
		return err
	}
	if err := joined(found); err != nil {
		return err
	}
	return plan.Verify(seen)
}

func newRolloutID() string {
	id := make([]byte, 2)
	rand.Read(id) // it never fails (crypto/rand)
	return hex.EncodeToString(id)
}
