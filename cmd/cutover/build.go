package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// buildLimit is what a build may take, with a base of some gigabytes on a slow disk.
const buildLimit = 30 * time.Minute

func newBuild(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "build", Args: cobra.NoArgs, Short: "Build the fixed image, or say that it is built already",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := open(*o)
			if err != nil {
				return err
			}
			if s.builder == nil {
				return errors.New("image.ref names an image that is there: there is nothing to build (image.base would)")
			}
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), buildLimit, fmt.Errorf("the image was not built within %s", buildLimit))
			defer cancel()
			build, err := s.builder(ctx)
			if err != nil {
				return err
			}
			built, err := build.Built(ctx)
			if err != nil {
				return err
			}
			did := "is built already"
			if !built {
				if err := build.Run(ctx); err != nil {
					return err
				}
				did = "built"
			}
			if o.json() {
				return printJSON(cmd, map[string]any{
					"image": build.Ref, "fingerprint": build.Fingerprint, "base": build.Base,
					"files": build.Files, "bytes": build.Size, "built": !built,
				})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %d files, %d bytes on top of %s\n", build.Ref, did, build.Files, build.Size, s.config.Image.Base)
			return nil
		},
	}
}
