package store_test

import (
	"os"
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
		func(*testing.T) cutover.Store { return store.NewFile(folder) },
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

func TestLockDiesWithItsOwner(t *testing.T) {
	folder := t.TempDir()
	killOwner(t, func() cutover.Store { return store.NewFile(folder) }, folder)
}

func TestDamagedJournalIsRefused(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "api-gateway.json"), []byte(`{"version":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.NewFile(folder).Peek(t.Context(), "api-gateway"); err == nil || !strings.Contains(err.Error(), "api-gateway.json") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "api-gateway.json"), []byte(`{"version":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := store.NewFile(folder).Peek(t.Context(), "api-gateway"); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("got %v", err)
	}
}
