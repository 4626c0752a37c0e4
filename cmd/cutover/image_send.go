package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover/docker"
	"github.com/cutover/cutover/image"
)

func newImageSend(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "send IMAGE ENGINE...", Args: cobra.MinimumNArgs(2),
		Short: "Give other engines, such as tcp://host-b:2376, an image of this one where there is no registry",
		RunE:  func(cmd *cobra.Command, args []string) error { return sendImage(cmd, o, args[0], args[1:]) },
	}
}

// delivered is what sending an image to one engine has come to.
type delivered struct {
	Engine string `json:"engine"`
	ID     string `json:"id"`
	There  bool   `json:"was_there"`
	Bytes  int64  `json:"bytes"`
}

// sendImage goes through the engines one after the other. One that does not get the image keeps none of the others from it.
func sendImage(cmd *cobra.Command, o *options, ref string, engines []string) error {
	host, secure, err := engineHost(cmd, o)
	if err != nil {
		return err
	}
	source, err := docker.Connect(host, secure)
	if err != nil {
		return err
	}
	line := newProgressLine(cmd, *o)
	defer line.clear()
	all, errs := []delivered{}, []error(nil)
	for _, address := range engines {
		carrier := image.Carrier{Engine: source, Tell: func(progress string) { line.show(address + ": " + progress) }}
		sent, err := sendTo(cmd, carrier, ref, address, secure)
		line.clear()
		if err != nil {
			errs = append(errs, fmt.Errorf("send %s to %s: %w", ref, address, err))
			continue
		}
		all = append(all, delivered{address, sent.ID, sent.There, sent.Bytes})
		switch {
		case o.json():
		case sent.There:
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s is there already\n", address, sent.ID)
		default:
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s is there now (%s travelled)\n", address, sent.ID, units.HumanSize(float64(sent.Bytes)))
		}
	}
	if o.json() {
		errs = append(errs, printJSON(cmd, map[string]any{"image": ref, "engines": all}))
	}
	return errors.Join(errs...)
}

// sendTo sends to one engine; one at tcp:// is spoken to with the certificates of the configuration's engine.
func sendTo(cmd *cobra.Command, carrier image.Carrier, ref, address string, secure docker.TLS) (image.Sent, error) {
	ctx, cancel := carrying(cmd.Context(), "sending "+ref)
	defer cancel()
	if !strings.HasPrefix(address, "tcp://") {
		secure = docker.TLS{}
	}
	engine, err := docker.Connect(address, secure)
	if err != nil {
		return image.Sent{}, err
	}
	return carrier.Send(ctx, ref, engine)
}
