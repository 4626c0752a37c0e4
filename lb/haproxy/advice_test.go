package haproxy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const wellMade = `global
	hard-stop-after 10m
defaults http
	mode http
	option redispatch
	retries 3
	retry-on conn-failure
frontend front from http
	bind :8080
	option idle-close-on-response
	default_backend app
frontend stats from http
	bind :8404
	stats enable
backend app from http
	server s0 127.0.0.1:1 check
`

// adviceOn writes files and gives what is said of them, each as name:line and text.
func adviceOn(t *testing.T, files map[string]string, mastered bool) (said []string, loses bool) {
	t.Helper()
	folder := t.TempDir()
	var paths []string
	for name, text := range files {
		paths = append(paths, filepath.Join(folder, name))
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(paths)
	all, err := Files{Paths: paths, Drain: 5 * time.Minute, Master: mastered, Reloads: true}.Advise()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		said = append(said, strings.TrimPrefix(a.String(), folder+"/"))
		loses = loses || a.Loses
	}
	return said, loses
}

// The demo's own files are as they should be.
func TestNothingIsSaidOfTheDemo(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{"haproxy.cfg", "haproxy.ctmpl", "consul-template.hcl"} {
		data, err := os.ReadFile(filepath.Join("../../compose/haproxy", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(data)
	}
	if said, _ := adviceOn(t, files, true); len(said) > 0 {
		t.Errorf("%q", said)
	}
}

func TestAdvice(t *testing.T) {
	for name, test := range map[string]struct {
		from, to string
		loses    bool
		want     string
	}{
		"well made":             {"", "", false, ""},
		"idle clients":          {"\toption idle-close-on-response\n", "", true, "a.cfg:8: frontend front has no `option idle-close-on-response`"},
		"switched off again":    {"\tdefault_backend", "\tno option idle-close-on-response\n\tdefault_backend", true, "a.cfg:8: frontend front has no"},
		"by its defaults":       {"frontend front from http\n\tbind :8080\n\toption idle-close-on-response", "defaults idle from http\n\toption idle-close-on-response\nfrontend front from idle", false, ""},
		"not in mode tcp":       {"\tbind :8080\n\toption idle-close-on-response", "\tmode tcp", false, ""},
		"commented out":         {"\toption idle", "\t# option idle", true, "frontend front has no"},
		"stopped too early":     {"after 10m", "after 30s", false, "a.cfg:2: hard-stop-after 30s is shorter than strategy.drain.timeout (5m0s)"},
		"stopped in time":       {"after 10m", "after 300000", false, ""},
		"cut when taken out":    {"127.0.0.1:1 check", "127.0.0.1:1 check on-marked-down shutdown-sessions", true, "a.cfg:16: `on-marked-down shutdown-sessions`"},
		"cut by default-server": {"\tserver s0", "\tdefault-server on-marked-down shutdown-sessions\n\tserver s0", true, "a.cfg:16: `on-marked-down"},
		"idle for too long":     {"\tmode http\n", "\tmode http\n\ttimeout client 1h\n", false, "a.cfg:5: `timeout client 1h` is longer than strategy.drain.timeout (5m0s)"},
		"idle long enough":      {"\tmode http\n", "\tmode http\n\ttimeout client 1h\n\ttimeout http-keep-alive 60s\n", false, ""},
		"no redispatch":         {"\toption redispatch\n", "", false, "a.cfg:14: backend app has no `option redispatch`"},
		"no retries":            {"retries 3", "retries 0", false, "a.cfg:6: retries 0"},
		"repeats POST":          {"retry-on conn-failure", "retry-on conn-failure empty-response", false, "a.cfg:7: `retry-on conn-failure empty-response` sends requests again"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(wellMade, test.from) {
				t.Fatalf("%q is not there", test.from)
			}
			said, loses := adviceOn(t, map[string]string{"a.cfg": strings.Replace(wellMade, test.from, test.to, 1)}, true)
			switch {
			case test.want == "" && len(said) > 0:
				t.Errorf("%q", said)
			case test.want != "" && (len(said) != 1 || !strings.HasPrefix(said[0], test.want) && !strings.Contains(said[0], test.want)):
				t.Errorf("%q, want %q", said, test.want)
			case loses != test.loses:
				t.Errorf("requests are lost %v, want %v", loses, test.loses)
			}
		})
	}
	if said, _ := adviceOn(t, map[string]string{"a.cfg": wellMade}, false); len(said) != 1 || !strings.Contains(said[0], "expose-fd listeners") {
		t.Errorf("without a master: %q", said)
	}
}

func TestAdviceOnTheFirstState(t *testing.T) {
	const dns = "backend app\n\toption redispatch\n\tserver-template s 4 gw.consul:5555 check\n"
	for name, test := range map[string]struct {
		text, version string
		reloads       bool
		want          string
	}{
		"it can't be said before 3.1": {dns, "3.0.11-1+deb13u3", false, ""},
		"nor where nobody tells":      {dns, "", false, ""},
		"runtime":                     {dns, "3.2.5-1", false, "a.cfg:3: HAProxy 3.2.5-1 takes a server to be UP before its first check"},
		"a later major version":       {dns, "4.0-dev1", false, "a.cfg:3: "},
		"it is said":                  {strings.Replace(dns, " check", " check init-state down", 1), "3.2.5", false, ""},
		"by default":                  {"backend app\n\tdefault-server init-state down\n" + dns[len("backend app\n"):], "3.2.5", false, ""},
		"reloads":                     {dns, "3.2.5", true, ""},
		"down at each reload":         {strings.Replace(dns, " check", " check init-state fully-down", 1), "3.2.5", true, "a.cfg:3: `init-state fully-down` takes every server to be DOWN"},
		"with a state":                {"defaults\n\tload-server-state-from-file global\n" + strings.Replace(dns, " check", " check init-state down", 1), "3.2.5", true, ""},
	} {
		path := filepath.Join(t.TempDir(), "a.cfg")
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		said, err := Files{Paths: []string{path}, Master: true, Reloads: test.reloads, Version: test.version}.Advise()
		if err != nil || (len(said) > 0) != (test.want != "") || (test.want != "" && !strings.HasPrefix(filepath.Base(said[0].At)+": "+said[0].Text, test.want)) {
			t.Errorf("%s: %v, %v, want %q", name, said, err, test.want)
		}
	}
}

func TestAdviceOnTemplates(t *testing.T) {
	for line, want := range map[string]bool{
		`{{ range service "api-gateway" }}`:                              false, // what passes, by default
		`{{ range service "api-gateway|passing" }}`:                      false,
		`{{ range service (printf "%s|passing" (env "S")) }}`:            false,
		`{{ range service "api-gateway|passing,warning" }}`:              false,
		`{{ range service "cutover-canary|any" }}`:                       false, // what check --measure registers
		`{{ range service "api-gateway|any" }}`:                          true,
		`{{- range service (printf "%s|passing,critical" (env "S")) -}}`: true,
	} {
		said, _ := adviceOn(t, map[string]string{"b.ctmpl": "\n" + line + "\n"}, true)
		if (len(said) == 1 && strings.HasPrefix(said[0], "b.ctmpl:2: the filter")) != want || len(said) > 1 {
			t.Errorf("%s: %q", line, said)
		}
	}
	good := "consul { retry { attempts = 0 } }\ntemplate {\n  command = [\"/usr/local/bin/cutover\", \"lb\", \"reload\", \"--strict\"]\n}\n"
	for change, want := range map[string]string{"": "", "\"lb\", \"reload\"": "c.hcl:3: it does not call `cutover lb reload`", "attempts = 0": "c.hcl:1: consul-template gives up"} {
		said, _ := adviceOn(t, map[string]string{"c.hcl": strings.Replace(good, change, "", min(1, len(change)))}, true)
		if (want == "") != (len(said) == 0) || (want != "" && !strings.HasPrefix(said[0], want)) {
			t.Errorf("%q, want %q", said, want)
		}
	}
	if _, err := (Files{Paths: []string{"/nowhere.cfg"}}).Advise(); err == nil || !strings.Contains(err.Error(), "load_balancers[].config") {
		t.Errorf("%v", err)
	}
}
