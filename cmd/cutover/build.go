package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/cutover/cutover/image"
)

// buildOptions are what cutover build takes.
type buildOptions struct {
	*options
	dryRun   bool
	noVerify bool
	push     bool
	sbom     string
}

func newBuild(o *options) *cobra.Command {
	b := buildOptions{options: o}
	cmd := &cobra.Command{
		Use: "build", Args: cobra.NoArgs, Short: "Build the fixed image, or say that it is built already",
		Long: "Build makes the image and starts a container of it that nobody is served from. Only an image that has passed is given its name.\n" +
			"SIGINT and SIGTERM end it, with nothing left behind.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, done := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer done()
			cmd.SetContext(ctx)
			s, err := open(*o)
			if err != nil {
				return err
			}
			if s.builder == nil {
				return s.buildNothing(cmd, b)
			}
			return s.build(cmd, b)
		},
	}
	cmd.Flags().BoolVar(&b.dryRun, "dry-run", false, "check the inputs and list what would be in the image, without making it")
	cmd.Flags().BoolVar(&b.push, "push", false, "push the image to the registry that its tag names, as image.push: true does")
	cmd.Flags().BoolVar(&b.noVerify, "no-verify", false, "do not try the image before it gets its name")
	cmd.Flags().StringVar(&b.sbom, "sbom", "", "write what is added to the base to this file, as CycloneDX JSON")
	return cmd
}

// build makes the image unless it is there, or unless it is only to be told what it would be.
func (s *site) build(cmd *cobra.Command, o buildOptions) error {
	if !o.dryRun {
		if _, err := s.fetch(cmd, *o.options, s.config.Image.Base, s.config.Image.Platform); err != nil {
			return fmt.Errorf("image.base: %w", err)
		}
	}
	limit := s.buildLimit()
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), limit, fmt.Errorf("the image was not built within %s", limit))
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
		if err := s.make(ctx, cmd, build, o.noVerify); err != nil {
			return err
		}
	}
	if o.sbom != "" {
		if err := saveSBOM(build, o.sbom); err != nil {
			return err
		}
	}
	if !o.json() {
		fmt.Fprintf(cmd.OutOrStdout(), "%s %s: %d files, %d bytes on top of %s\n", build.Ref, did, build.Files, build.Size, build.Describe())
		describe(cmd, build, o.dryRun)
	}
	digest := ""
	if (o.push || s.config.Image.Push) && !o.dryRun {
		if digest, err = s.push(cmd, *o.options, build.Ref); err != nil {
			return err
		}
	}
	if o.json() {
		return printJSON(cmd, map[string]any{
			"image": build.Ref, "digest": digest, "fingerprint": build.Fingerprint, "base": build.Base, "base_id": build.Base, "base_digest": build.BaseDigest, "files": build.Files, "bytes": build.Size,
			"built": did == "built", "there": there || did == "built", "packages": build.Record.Packages, "parts": build.Parts, "unknown_keys": build.Unknown,
			"reproducible": build.Reproducible(), "verified": did == "built" && !o.noVerify,
		})
	}
	return nil
}

// buildLimit is what a build may take: with a base of some gigabytes on a slow disk, its commands, and the trial.
func (s *site) buildLimit() time.Duration {
	limit := 30*time.Minute + s.config.Image.Verify.Timeout.Std()
	for _, command := range s.config.Image.Run {
		limit += command.Timeout.Std()
	}
	return limit
}

// make makes the image; only one that has passed its trial gets its name.
func (s *site) make(ctx context.Context, cmd *cobra.Command, build *image.Build, noVerify bool) error {
	check := func(ctx context.Context, ref string) error {
		return s.verify(ctx, ref, build.Record, cmd.ErrOrStderr())
	}
	if noVerify {
		check = nil
	}
	err := build.Run(ctx, check)
	if err != nil && cmd.Context().Err() != nil {
		return fmt.Errorf("interrupted: nothing is left of the image: %w", err)
	}
	return err
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
	for _, remark := range doubts(build) {
		fmt.Fprintf(out, "  %s\n", remark)
	}
}

// doubts are what is doubtful about an image, and no reason to refuse it.
func doubts(build *image.Build) []string {
	var all []string
	for _, key := range build.Unknown {
		all = append(all, "not known to Integration Server, misspelt? "+key)
	}
	if !build.Reproducible() {
		all = append(all, image.NotReproducible)
	}
	return all
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
