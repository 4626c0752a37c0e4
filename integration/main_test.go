//go:build integration

// Package integration runs whole rollouts, under load, on real containers: the images, templates and scripts of
// compose/, real Consul, real consul-template, real HAProxy, and the command as it is shipped. Only the vendor's
// product is stood in for.
package integration

import (
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	tclog "github.com/testcontainers/testcontainers-go/log"
)

// binary is the command under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(setUp(m)) }

func setUp(m *testing.M) int {
	// testcontainers' reaper is an image that may not be to be had: clean-up is by label, here.
	for key, value := range map[string]string{"TESTCONTAINERS_RYUK_DISABLED": "true", "TESTCONTAINERS_HOST_OVERRIDE": "localhost"} {
		if os.Getenv(key) == "" {
			if err := os.Setenv(key, value); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
	}
	tclog.SetDefault(log.New(io.Discard, "", 0)) // it tells of every container
	folder, err := os.MkdirTemp("", "cutover-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	binary = filepath.Join(folder, "cutover")
	build := exec.Command("go", "build", "-o", binary, "../cmd/cutover")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the command: %v\n%s", err, out)
		return 1
	}
	if err := sweep(); err != nil {
		fmt.Fprintln(os.Stderr, "remove what is left of an earlier run:", err)
		return 1
	}
	return m.Run()
}
