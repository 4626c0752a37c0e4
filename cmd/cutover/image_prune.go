package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover/docker"
	"github.com/cutover/cutover/image"
)

// pruneLimit is what looking for old images and removing them may take.
const pruneLimit = 15 * time.Minute

func newImagePrune(o *options) *cobra.Command {
	keep, dryRun := 3, false
	cmd := &cobra.Command{
		Use: "prune", Args: cobra.NoArgs, Short: "Remove old images that were built for this service, and what killed builds have left over",
		Long: "Prune keeps the last images, whatever a container uses, running or not, and the image of the configuration as it is now. It says of each why, and asks.",
		RunE: func(cmd *cobra.Command, _ []string) error { return prune(cmd, *o, keep, dryRun) },
	}
	cmd.Flags().IntVar(&keep, "keep", keep, "how many of the last images to keep")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be removed")
	return cmd
}

func prune(cmd *cobra.Command, o options, keep int, dryRun bool) error {
	if keep < 0 {
		return fmt.Errorf("--keep %d: give 0 or more", keep)
	}
	s, err := open(o)
	if err != nil {
		return err
	}
	if s.builder == nil {
		return errors.New("image.ref names an image that was built elsewhere: there is nothing to prune (image.tag would tell what)")
	}
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), pruneLimit, fmt.Errorf("the old images were not removed within %s", pruneLimit))
	defer cancel()
	build, err := s.builder(ctx)
	if err != nil {
		return fmt.Errorf("find out which image is the one of the configuration as it is now: %w", err)
	}
	engine, err := docker.Connect(s.config.Hosts[0].Docker, engineTLS(s.config))
	if err != nil {
		return err
	}
	all, err := image.FindOld(ctx, engine, s.config.Image.Tag, build.Fingerprint, keep)
	if err != nil {
		return err
	}
	removed := 0
	for _, old := range all {
		if !old.Keep {
			removed++
		}
	}
	if !o.json() {
		describeOld(cmd, all)
	}
	if removed > 0 && !dryRun {
		if err := confirm(ctx, cmd, o, fmt.Sprintf("Remove %d of these?", removed)); err != nil {
			return err
		}
		if err := image.RemoveOld(ctx, engine, all); err != nil {
			return err
		}
	}
	if o.json() {
		return printJSON(cmd, map[string]any{"found": all, "removed": removed > 0 && !dryRun})
	}
	return nil
}

func describeOld(cmd *cobra.Command, all []image.Old) {
	if len(all) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "there is nothing that was built for this service")
	}
	for _, old := range all {
		verb, size := "remove", ""
		if old.Keep {
			verb = "keep"
		}
		if old.Size > 0 {
			size = "  " + units.HumanSize(float64(old.Size))
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%-6s %-9s %s%s: %s\n", verb, old.Kind, old.Name, size, old.Why)
	}
}
