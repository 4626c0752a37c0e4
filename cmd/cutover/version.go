package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker for a release.
var version = "dev"

func newVersion(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "version", Args: cobra.NoArgs, Short: "Print the version",
		RunE: func(cmd *cobra.Command, _ []string) error {
			revision := ""
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, setting := range info.Settings {
					if setting.Key == "vcs.revision" {
						revision = setting.Value
					}
				}
			}
			if o.json() {
				return printJSON(cmd, map[string]string{"version": version, "revision": revision, "go": runtime.Version()})
			}
			fmt.Fprintln(cmd.OutOrStdout(), "cutover", version, revision, runtime.Version())
			return nil
		},
	}
}
