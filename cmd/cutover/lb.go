package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/lb/haproxy"
)

func newLB(o *options) *cobra.Command {
	group := &cobra.Command{Use: "lb", Short: "What load balancers need beside them"}
	group.AddCommand(newReload(o))
	return group
}

const reloadHelp = `Makes HAProxy run a file that consul-template has rendered; it is consul-template's command.

The candidate is checked by HAProxy (-c, with the fixed files), takes the place of the running file, and HAProxy is
reloaded through its master's command line. It is done when a new worker answers. Whatever fails, HAProxy and the running file
stay as they were. A backend that would lose its last server is refused.

One line on standard error says what was done. The exit code is 0 even when nothing could be done, because consul-template
exits when its command fails, and the load balancer would stay as it is from then on; --strict is for people and scripts.
Only a mistake in the flags is 1 all the same. The configuration of cutover is not read.`

func newReload(o *options) *cobra.Command {
	var r haproxy.Reload
	var strict bool
	cmd := &cobra.Command{
		Use: "reload", Args: cobra.NoArgs, Short: "Make HAProxy run a rendered file, and see that it does: the command for consul-template", Long: reloadHelp,
		RunE: func(cmd *cobra.Command, _ []string) error {
			began := time.Now()
			done, err := r.Run(cmd.Context())
			line := reloadLine{Servers: done.Servers, Before: done.Before, Worker: done.Worker, Unchanged: done.Unchanged, MS: time.Since(began).Milliseconds()}
			if err != nil {
				line.Error = err.Error()
			}
			fmt.Fprintln(cmd.ErrOrStderr(), line.text(o.json()))
			if err != nil && strict {
				return &endedError{cutover.Refused}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.Candidate, "candidate", "", "the file that was rendered")
	flags.StringVar(&r.Running, "running", "", "the file that HAProxy reads")
	flags.StringArrayVar(&r.Fixed, "fixed", nil, "a file that HAProxy reads before that one; may be repeated")
	flags.StringVar(&r.Master, "master", "", "the master's command line: unix:///path or tcp://host:port")
	flags.StringVar(&r.Program, "haproxy", "haproxy", "the program to check with")
	flags.DurationVar(&r.Timeout, "timeout", 15*time.Second, "for all of it; shorter than consul-template's command_timeout")
	flags.BoolVar(&r.AllowEmpty, "allow-empty", false, "a backend may lose its last server")
	flags.BoolVar(&strict, "strict", false, "exit with 1 when it could not be done")
	for _, needed := range []string{"candidate", "running", "master"} {
		if err := cmd.MarkFlagRequired(needed); err != nil {
			panic(err) // there is such a flag
		}
	}
	return cmd
}

// reloadLine is the line that is logged.
type reloadLine struct {
	Worker    int    `json:"worker,omitempty"`
	Servers   int    `json:"servers"`
	Before    int    `json:"servers_before"`
	Unchanged bool   `json:"unchanged,omitempty"`
	MS        int64  `json:"ms"`
	Error     string `json:"error,omitempty"`
}

func (l reloadLine) text(asJSON bool) string {
	if asJSON {
		data, err := json.Marshal(l)
		if err != nil {
			return err.Error() // numbers and strings do marshal
		}
		return string(data)
	}
	did := fmt.Sprintf("worker %d runs %d servers (%d before)", l.Worker, l.Servers, l.Before)
	switch {
	case l.Error != "":
		did = oneLine(l.Error)
	case l.Unchanged:
		did = fmt.Sprintf("nothing to do: HAProxy runs these %d servers already", l.Servers)
	}
	return fmt.Sprintf("cutover lb reload: %s, %d ms", did, l.MS)
}
