package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// confirm asks a person on a terminal. Without one, --yes is the answer or there is none. ctx ends the waiting.
func confirm(ctx context.Context, cmd *cobra.Command, o options, question string) error {
	if o.yes {
		return nil
	}
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return errors.New("there is no terminal to ask on: say --yes to go ahead; nothing was touched")
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "\n%s [y/N] ", question)
	answers := make(chan string, 1)
	go func() {
		answer, err := bufio.NewReader(in).ReadString('\n')
		if err != nil {
			answer = "no"
		}
		answers <- answer
	}()
	select {
	case <-ctx.Done():
	case answer := <-answers:
		if strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y") {
			return nil
		}
	}
	return errors.New("not confirmed: nothing was touched")
}
