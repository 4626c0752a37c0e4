//go:build integration

package integration

import (
	"archive/tar"
	"bytes"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
)

// What is on the old container's own disk is carried over where it must not be in the image, and kept where it must
// outlive the container.
func TestCarryAndKeep(t *testing.T) {
	const (
		passman      = "/opt/softwareag/profiles/IS_default/configuration/security/passman"
		configFolder = "/opt/softwareag/IntegrationServer/instances/default/config"
	)
	s := newStack(t, options{nodes: 1, config: func(c config) {
		c["containers"].(config)["keep"] = []string{configFolder, "/no/such/folder"}
		c["containers"].(config)["keep_folder"] = "kept"
		c.timeout("start", "8s")
	}})
	s.put(s.fleet[0], passman, "mpw.dat", "made on this very disk")
	before := s.ids()
	if got := s.cutover("apply", "--yes"); got.code != 2 || !strings.Contains(got.stdout, "mpw.dat is another one") {
		t.Errorf("without containers.carry: exit %d", got.code)
	}
	s.isOld(before)
	s.config["containers"].(config)["carry"] = []string{"/no/such/file"}
	s.writeConfig()
	if got := s.cutover("apply", "--yes"); got.code != 1 || !strings.Contains(got.stderr, "has no /no/such/file to carry over") {
		t.Errorf("a path that is not there: exit %d", got.code)
	}
	s.config["containers"].(config)["carry"] = []string{passman + "/mpw.dat"}
	s.writeConfig()
	if got := s.cutover("apply", "--yes", "--report", "report.json"); got.code != 0 {
		t.Fatalf("exit %d", got.code)
	}
	fresh := s.isNew(s.report().Rollout)[0]
	if got := s.get(fresh, passman+"/mpw.dat"); got != "made on this very disk" {
		t.Errorf("mpw.dat of %s: %q", fresh, got)
	}
	kept := filepath.Join(s.folder, "kept", s.fleet[0]+"-"+before[s.fleet[0]][:12])
	files, err := os.ReadDir(kept)
	s.must(err)
	var names []string
	for _, file := range files {
		names = append(names, file.Name())
		if info, err := file.Info(); err != nil || info.Size() == 0 {
			t.Errorf("kept %s: %v, %v", file.Name(), info, err)
		}
	}
	if want := []string{"container.log", url.PathEscape(strings.Trim(configFolder, "/")) + ".tar"}; !slices.Equal(names, want) {
		t.Errorf("kept %v, want %v", names, want)
	}
}

// An old container whose stores may hold documents is not removed; an operator's word removes it.
func TestStoresThatAreNotEmpty(t *testing.T) {
	const instance = "/opt/softwareag/IntegrationServer/instances/default"
	s := newStack(t, options{nodes: 1, config: func(c config) { c.timeout("start", "20s") }})
	later := time.Now().Add(time.Hour)
	s.putAt(s.fleet[0], instance, "XAStore/laid-out", "header", time.Now())
	s.putAt(s.fleet[0], instance, "DocumentStore/blank", string(make([]byte, 100<<10)), later)
	s.putAt(s.fleet[0], instance, "DocumentStore/TriggerStore", string(make([]byte, 100<<10))+"<order/>", later)
	before := s.ids()
	if got := s.cutover("apply", "--yes", "--report", "report.json"); got.code != 3 || !strings.Contains(got.stdout, "DocumentStore/TriggerStore") ||
		strings.Contains(got.stdout, "blank") || strings.Contains(got.stdout, "laid-out") {
		t.Errorf("exit %d", got.code)
	}
	if kept := s.containers()[s.fleet[0]]; kept != "exited" || s.ids()[s.fleet[0]] != before[s.fleet[0]] {
		t.Errorf("%s: %q", s.fleet[0], kept)
	}
	s.config["containers"].(config)["stores"] = []string{}
	s.writeConfig()
	if got := s.cutover("resume", "--yes", "--report", "report.json"); got.code != 0 {
		t.Errorf("resume: exit %d", got.code)
	}
	s.isNew(s.report().Rollout)
}

// put writes a file on a container's disk.
func (s *stack) put(containerName, folder, name, content string) {
	s.Helper()
	s.putAt(containerName, folder, name, content, time.Now())
}

// putAt writes a file below a folder of a container, as if at that time.
func (s *stack) putAt(containerName, folder, name, content string, at time.Time) {
	s.Helper()
	var archive bytes.Buffer
	files := tar.NewWriter(&archive)
	s.must(files.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content)), Uid: 1724, Gid: 1724, ModTime: at}))
	_, err := files.Write([]byte(content))
	s.must(err)
	s.must(files.Close())
	s.must(s.engine.CopyToContainer(s.Context(), containerName, folder, &archive, container.CopyToContainerOptions{}))
}

// get reads a file on a container's disk.
func (s *stack) get(containerName, path string) string {
	s.Helper()
	content, _, err := s.engine.CopyFromContainer(s.Context(), containerName, path)
	s.must(err)
	defer content.Close()
	files := tar.NewReader(content)
	_, err = files.Next()
	s.must(err)
	data, err := io.ReadAll(files)
	s.must(err)
	return string(data)
}

// What was changed on an old container's disk and is not in the new image is said, and what a server writes by itself
// is not.
func TestCheckTellsWhatWasChangedInAContainer(t *testing.T) {
	const instance = "/opt/softwareag/IntegrationServer/instances/default"
	s := newStack(t, options{nodes: 1})
	s.put(s.fleet[0], instance, "config/server.cnf", "watt.server.threadPool=9")
	s.put(s.fleet[0], instance, "config/own.properties", "by=hand")
	s.put(s.fleet[0], instance, "logs/server.log", "started")
	got := s.cutover("check")
	for text, want := range map[string]bool{
		"config/server.cnf was changed in the container":  true,
		"config/own.properties was made in the container": true,
		"server.log": false,
	} {
		if strings.Contains(got.stdout, text) != want {
			t.Errorf("%q: want %t", text, want)
		}
	}
	if got.code != 0 {
		t.Errorf("exit %d", got.code)
	}
}
