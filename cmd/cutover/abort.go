package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover"
)

func newAbort(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "abort", Args: cobra.NoArgs, Short: "Make the rollout that another terminal runs stop and go back",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := openStore(*o)
			if err != nil {
				return err
			}
			request := cutover.Request{What: cutover.RequestAbort, Who: whoAmI(), At: time.Now()}
			ctx, cancel := within(cmd.Context(), "leaving the request")
			defer cancel()
			err = s.store.Ask(ctx, s.config.Service, request)
			if errors.Is(err, cutover.ErrNobody) {
				return fmt.Errorf("%w: go back from an unfinished one with cutover rollback", err)
			}
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "asked: the rollout stops and goes back; watch it with cutover status")
			return nil
		},
	}
}
