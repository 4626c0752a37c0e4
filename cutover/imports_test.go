package cutover_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cutover/cutover/"

// importsOf lists what each package of the module imports itself, tests left out.
func importsOf(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		imports[strings.TrimPrefix(words[0], module)] = words[1:]
	}
	return imports
}

// The core imports the standard library only.
func TestCoreImportsTheStandardLibraryOnly(t *testing.T) {
	for _, path := range importsOf(t)["cutover"] {
		if strings.Contains(path, ".") {
			t.Errorf("the core imports %s", path)
		}
	}
}

// Each vendor's library stays behind one door or two.
func TestLibrariesStayBehindTheirDoors(t *testing.T) {
	doors := map[string][]string{
		"github.com/docker/docker/":       {"cutover/docker", "image"},
		"github.com/hashicorp/consul/api": {"lb/consul", "cutover/store"},
		"github.com/rs/zerolog":           {"cutover/report", "cmd/cutover"},
		"github.com/testcontainers/":      {},
	}
	for name, imports := range importsOf(t) {
		if strings.HasPrefix(name, "integration") {
			continue
		}
		for _, path := range imports {
			for library, allowed := range doors {
				if strings.HasPrefix(path, library) && !slices.Contains(allowed, name) {
					t.Errorf("%s imports %s", name, path)
				}
			}
		}
	}
}

// cmd wires the adapters together; they know the core and nothing of each other.
func TestAdaptersDoNotImportEachOther(t *testing.T) {
	allowed := map[string][]string{
		"lb/consul": {"lb"}, "lb/haproxy": {"lb"}, "lb/nginx": {"lb"}, "lb/lbtest": {"lb"}, // lb declares what they implement
		"lb/webapi": {"lb"}, "lb/traefik": {"lb", "lb/webapi"}, "lb/fabio": {"lb", "lb/webapi"},
		"cutover/report": {"cutover/probe"}, // whose summary is a part of the report
	}
	for name, imports := range importsOf(t) {
		if name == "cmd/cutover" || strings.HasPrefix(name, "integration") {
			continue
		}
		for _, path := range imports {
			other, ours := strings.CutPrefix(path, module)
			if ours && other != "cutover" && !slices.Contains(allowed[name], other) {
				t.Errorf("%s imports %s", name, other)
			}
		}
	}
}
