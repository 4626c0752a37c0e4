package store_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/cutovertest"
	"github.com/cutover/cutover/cutover/store"
)

func TestFileKeepsTheContract(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	cutovertest.Store(t,
		func(t *testing.T) cutover.Store { return newFile(t, folder) },
		func(t *testing.T, serviceName string) {
			if err := os.Remove(filepath.Join(folder, serviceName+".lock")); err != nil {
				t.Fatal(err)
			}
		})
	t.Run("nobody else can read it, and no temporary file is left", func(t *testing.T) {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			info, err := entry.Info()
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %s", entry.Name(), info.Mode())
			}
			if strings.HasPrefix(entry.Name(), ".") {
				t.Errorf("left over: %s", entry.Name())
			}
		}
	})
}

// The lock of a killed process is free at once.
func TestLockDiesWithItsOwner(t *testing.T) {
	folder := t.TempDir()
	if os.Getenv("CUTOVER_TEST_HOLD") != "" {
		folder = os.Getenv("CUTOVER_TEST_HOLD")
		if _, err := newFile(t, folder).Acquire(t.Context(), "api-gateway"); err != nil {
			t.Fatal(err)
		}
		fmt.Println("locked")
		select {}
	}
	owner := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "TestLockDiesWithItsOwner")
	owner.Env = append(os.Environ(), "CUTOVER_TEST_HOLD="+folder)
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "locked"; {
	}
	file := newFile(t, folder)
	if _, err := file.Acquire(t.Context(), "api-gateway"); err == nil {
		t.Fatal("the lock was not held")
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	owner.Wait()
	session, err := file.Acquire(t.Context(), "api-gateway")
	if err != nil {
		t.Fatal(err)
	}
	session.Close()
}

func TestDamagedJournalIsRefused(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "api-gateway.json"), []byte(`{"version":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := newFile(t, folder).Peek(t.Context(), "api-gateway"); err == nil || !strings.Contains(err.Error(), "api-gateway.json") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "api-gateway.json"), []byte(`{"version":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := newFile(t, folder).Peek(t.Context(), "api-gateway"); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("got %v", err)
	}
}

func newFile(t *testing.T, folder string) *store.File {
	t.Helper()
	file, err := store.NewFile(folder)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
