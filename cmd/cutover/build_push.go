package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// carryLimit is what taking an image of some gigabytes to another place, or from there, may take.
const carryLimit = 2 * time.Hour

func carrying(ctx context.Context, doing string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, carryLimit, fmt.Errorf("not done within %s: %s", carryLimit, doing))
}

// interrupted says that it was a signal that ended something, if that is so.
func interrupted(cmd *cobra.Command, err error) error {
	if err != nil && cmd.Context().Err() != nil {
		return fmt.Errorf("interrupted: %w", err)
	}
	return err
}

// push puts an image into the registry that its name begins with, and says so.
func (s *site) push(cmd *cobra.Command, o options, ref string) (string, error) {
	ctx, cancel := carrying(cmd.Context(), "pushing "+ref)
	defer cancel()
	line, carrier := newProgressLine(cmd, o), s.carrier
	defer line.clear()
	carrier.Tell = line.show
	pushed, err := carrier.Push(ctx, ref)
	line.clear()
	if err != nil || o.json() {
		return pushed.Digest, interrupted(cmd, err)
	}
	if pushed.There {
		fmt.Fprintf(cmd.OutOrStdout(), "%s is there already\n", pushed.Digest)
	} else {
		fmt.Fprintf(cmd.OutOrStdout(), "pushed %s (%d of %d layers travelled)\n", pushed.Digest, pushed.Moved, pushed.Layers)
	}
	return pushed.Digest, nil
}

// fetch pulls an image that is not on the engine, and says so. It returns what came; nothing when nothing was to come.
func (s *site) fetch(cmd *cobra.Command, o options, ref, platform string) (digest string, err error) {
	ctx, cancel := carrying(cmd.Context(), "pulling "+ref)
	defer cancel()
	if has, err := s.carrier.Has(ctx, ref); has || err != nil {
		return "", err
	}
	line, carrier := newProgressLine(cmd, o), s.carrier
	carrier.Tell = line.show
	digest, err = carrier.Pull(ctx, ref, platform)
	line.clear()
	if err == nil && !o.json() {
		fmt.Fprintln(cmd.OutOrStdout(), "pulled", digest)
	}
	return digest, interrupted(cmd, err)
}

// buildNothing sees to it that the image that image.ref names is on the engine.
func (s *site) buildNothing(cmd *cobra.Command, o buildOptions) error {
	ref := s.config.Image.Ref
	if o.push || o.sbom != "" {
		return errors.New("image.ref names an image that was built elsewhere: --push and --sbom go with image.base, there")
	}
	did, digest := "is there", ""
	if o.dryRun {
		has, err := s.carrier.Has(cmd.Context(), ref)
		if err != nil {
			return err
		}
		if !has {
			did = "would be pulled"
		}
	} else {
		var err error
		if digest, err = s.fetch(cmd, *o.options, ref, s.config.Image.Platform); err != nil {
			return fmt.Errorf("image.ref: %w", err)
		}
	}
	if o.json() {
		return printJSON(cmd, map[string]any{"image": ref, "built": false, "there": did == "is there", "pulled": digest})
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s %s: nothing to build\n", ref, did)
	return nil
}
