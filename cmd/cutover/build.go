package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

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
			build, err := s.builder(cmd.Context())
			if err != nil {
				return err
			}
			built, err := build.Built(cmd.Context())
			if err != nil {
				return err
			}
			did := "is built already"
			if !built {
				if err := build.Run(cmd.Context()); err != nil {
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
