package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover/config"
	"github.com/cutover/cutover/cutover/docker"
	"github.com/cutover/cutover/image"
)

// diffLimit is what reading two images may take.
const diffLimit = 15 * time.Minute

func newImage(o *options) *cobra.Command {
	group := &cobra.Command{Use: "image", Short: "Look into images, send them to other engines, remove old ones"}
	group.AddCommand(&cobra.Command{
		Use: "diff A B", Args: cobra.ExactArgs(2),
		Short: "What is not the same in two images or containers: packages, files, properties, environment, configuration",
		RunE:  func(cmd *cobra.Command, args []string) error { return diffImages(cmd, o, args[0], args[1]) },
	})
	group.AddCommand(newImageSend(o), newImagePrune(o))
	return group
}

// engineHost is the configuration's engine, and without a configuration the default one.
func engineHost(cmd *cobra.Command, o *options) (string, docker.TLS, error) {
	c, err := config.Load(o.file)
	switch {
	case err == nil:
		return c.Hosts[0].Docker, engineTLS(c), nil
	case errors.Is(err, fs.ErrNotExist) && !cmd.Flags().Changed("file"):
		return "", docker.TLS{}, nil
	default:
		return "", docker.TLS{}, err
	}
}

func diffImages(cmd *cobra.Command, o *options, first, second string) (err error) {
	host, secure, err := engineHost(cmd, o)
	if err != nil {
		return err
	}
	engine, err := docker.Connect(host, secure)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(cmd.Context(), diffLimit, fmt.Errorf("the images were not read within %s", diffLimit))
	defer cancel()
	a, err := image.Open(ctx, engine, first)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close(ctx)) }()
	b, err := image.Open(ctx, engine, second)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close(ctx)) }()
	difference, err := image.Diff(ctx, a, b)
	if err != nil {
		return err
	}
	if o.json() {
		return printJSON(cmd, difference)
	}
	difference.WriteText(cmd.OutOrStdout())
	return nil
}
