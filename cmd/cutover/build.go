package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/cutover/cutover/image"
)

// buildLimit is what a build may take, with a base of some gigabytes on a slow disk.
const buildLimit = 30 * time.Minute

// buildOptions are what cutover build takes.
type buildOptions struct {
	*options
	dryRun bool
	sbom   string
}

func newBuild(o *options) *cobra.Command {
	b := buildOptions{options: o}
	cmd := &cobra.Command{
		Use: "build", Args: cobra.NoArgs, Short: "Build the fixed image, or say that it is built already",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := open(*o)
			if err != nil {
				return err
			}
			if s.builder == nil {
				return errors.New("image.ref names an image that is there: there is nothing to build (image.base would)")
			}
			return s.build(cmd, b)
		},
	}
	cmd.Flags().BoolVar(&b.dryRun, "dry-run", false, "check the inputs and list what would be in the image, without making it")
	cmd.Flags().StringVar(&b.sbom, "sbom", "", "write what is added to the base to this file, as CycloneDX JSON")
	return cmd
}

// build makes the image unless it is there, or unless it is only to be told what it would be.
func (s *site) build(cmd *cobra.Command, o buildOptions) error {
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), buildLimit, fmt.Errorf("the image was not built within %s", buildLimit))
	defer cancel()
	build, err := s.builder(ctx)
	if err != nil {
		return err
	}
	there, err := build.Built(ctx)
	if err != nil {
		return err
	}
	did := "is built already"
	switch {
	case there:
	case o.dryRun:
		did = "would be built"
	default:
		did = "built"
		if err := build.Run(ctx); err != nil {
			return err
		}
	}
	if o.sbom != "" {
		if err := saveSBOM(build, o.sbom); err != nil {
			return err
		}
	}
	if o.json() {
		return printJSON(cmd, map[string]any{
			"image": build.Ref, "fingerprint": build.Fingerprint, "base": build.Base, "files": build.Files, "bytes": build.Size,
			"built": did == "built", "there": there || did == "built", "packages": build.Record.Packages, "parts": build.Parts, "unknown_keys": build.Unknown,
		})
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %d files, %d bytes on top of %s\n", build.Ref, did, build.Files, build.Size, s.config.Image.Base)
	describe(cmd, build, o.dryRun)
	return nil
}

// describe lists the packages with their sizes, what is doubtful, and with files each file.
func describe(cmd *cobra.Command, build *image.Build, files bool) {
	out := cmd.OutOrStdout()
	packages := map[string]image.Package{}
	for _, p := range build.Record.Packages {
		packages[p.Name] = p
	}
	for _, part := range build.Parts {
		name := part.Name
		if p, ok := packages[part.Name]; ok {
			name = p.String()
			if p.Replaces != "" {
				name += " (in place of the base's " + p.Replaces + ")"
			}
		}
		fmt.Fprintf(out, "  %-40s %6d files %10s\n", name, part.Files, units.HumanSize(float64(part.Bytes)))
	}
	if files {
		for _, f := range build.Record.Files {
			fmt.Fprintf(out, "  %s  %s\n", f.SHA256[:12], f.Path)
		}
	}
	for _, key := range build.Unknown {
		fmt.Fprintf(out, "  not known to Integration Server, misspelt? %s\n", key)
	}
}

func saveSBOM(build *image.Build, path string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("--sbom: %w", err)
	}
	if err := errors.Join(build.WriteSBOM(file), file.Close()); err != nil {
		return fmt.Errorf("--sbom %s: %w", path, err)
	}
	return nil
}
