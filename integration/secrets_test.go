//go:build integration

package integration

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// The secrets that are planted, each where it is meant to be read from.
const (
	plantedPassword = "pl4nted-administrator-password"
	plantedToken    = "pl4nted-consul-token"
)

// A whole rollout, killed once and carried on, with everything told that can be: no secret is in anything that it writes,
// and nobody else can read what it writes.
func TestNoSecretGetsOut(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, env: map[string]string{"GATEWAY_PASSWORD": plantedPassword}, config: func(c config) {
		inConsul(c)
		c["consul"].(config)["token_file"] = "token"
		c["driver"] = config{"kind": "apigateway", "user": "Administrator", "password_file": "password"}
	}})
	s.needsStandIn()
	s.password = "not-by-the-environment" // of the command: the files are what counts
	s.must(os.WriteFile(filepath.Join(s.folder, "token"), []byte(plantedToken+"\n"), 0o600))
	s.must(os.WriteFile(filepath.Join(s.folder, "password"), []byte(plantedPassword+"\n"), 0o600))
	everything := []string{"--yes", "--log-level", "trace", "--output", "json", "--report", "report.json", "--metrics", "figures.prom"}

	watching, stop := context.WithCancel(t.Context())
	lines := make(chan string, 1)
	go func() { lines <- commandLines(watching) }()
	run := s.begin(append([]string{"apply"}, everything...)...)
	s.await(time.Minute, "the first drain", func() bool { return inFlight(s.journal(), cutover.Member, s.fleet[0]) })
	s.must(run.Process.Kill())
	results := []result{s.finish(run)}
	for _, args := range [][]string{
		append([]string{"resume"}, everything...), {"status", "--output", "json"}, {"history"}, {"check"}, {"doctor"}, {"plan", "--out", "plan.json"},
	} {
		got := s.cutover(args...)
		if got.code != 0 {
			t.Errorf("%v: exit %d", args, got.code)
		}
		results = append(results, got)
	}
	s.must(os.WriteFile(filepath.Join(s.folder, "password"), []byte(plantedPassword+"x"), 0o600))
	results = append(results, s.cutover("check")) // with an error about it
	stop()

	for _, got := range results {
		s.keepsSecrets("what it printed", []byte(got.stdout+got.stderr))
	}
	s.keepsSecrets("a command line", []byte(<-lines))
	s.keepsSecretsOnDisk()
	pairs, _, err := s.consul.KV().List("cutover/", nil)
	s.must(err)
	if len(pairs) < 4 {
		t.Errorf("only %d keys are in Consul: the journal is not looked at", len(pairs))
	}
	for _, pair := range pairs {
		s.keepsSecrets("key "+pair.Key, unpacked(pair.Value))
	}
	for name := range s.ids() {
		c, err := s.engine.ContainerInspect(s.Context(), name)
		s.must(err)
		labels, err := json.Marshal(c.Config.Labels)
		s.must(err)
		s.keepsSecrets("the labels of "+name, labels)
		s.keepsSecrets("the arguments of "+name, []byte(fmt.Sprint(c.Path, c.Args)))
		if i := slices.IndexFunc(c.Config.Env, func(entry string) bool { return strings.Contains(entry, plantedToken) }); i >= 0 {
			t.Errorf("the environment of %s has Consul's token", name)
		}
	}
}

func (s *stack) keepsSecrets(where string, text []byte) {
	s.Helper()
	for _, secret := range []string{plantedPassword, plantedToken} {
		if bytes.Contains(text, []byte(secret)) {
			s.Errorf("%s: %s is in it", where, secret)
		}
	}
}

// keepsSecretsOnDisk looks at every file beside the configuration; the state, the report, the figures and the plan are there.
func (s *stack) keepsSecretsOnDisk() {
	s.Helper()
	read := 0
	s.must(filepath.WalkDir(s.folder, func(path string, entry fs.DirEntry, err error) error {
		if name := entry.Name(); err != nil || entry.IsDir() || name == "token" || name == "password" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read++
		s.keepsSecrets(path, text)
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 && filepath.Base(path) != "figures.prom" { // which node_exporter reads
			s.Errorf("%s has mode %s: others can read it", path, info.Mode())
		}
		return err
	}))
	if read < 4 {
		s.Errorf("only %d files were written: they are not looked at", read)
	}
}

// commandLines collects the command lines of all processes of the machine that name cutover, until the context ends.
func commandLines(ctx context.Context) string {
	seen := map[string]bool{}
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, path := range processes {
			if line, err := os.ReadFile(path); err == nil && bytes.Contains(line, []byte("cutover")) {
				seen[string(line)] = true
			}
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			var all []string
			for line := range seen {
				all = append(all, line)
			}
			return strings.Join(all, "\n")
		case <-tick.C:
		}
	}
}

// unpacked is a stored value as text, whether or not it is compressed.
func unpacked(value []byte) []byte {
	zip, err := gzip.NewReader(bytes.NewReader(value))
	if err != nil {
		return value
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		return value
	}
	return text
}
