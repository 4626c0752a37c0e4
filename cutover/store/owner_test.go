package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/store"
)

// hold makes this test binary a process that takes a lock and keeps it until it is killed.
const hold = "CUTOVER_TEST_HOLD"

func TestMain(m *testing.M) {
	if where := os.Getenv(hold); where != "" {
		if err := holdLock(where); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		select {}
	}
	os.Exit(m.Run())
}

func holdLock(where string) error {
	var s cutover.Store = store.NewFile(where)
	if strings.HasPrefix(where, "http") {
		client, err := api.NewClient(&api.Config{Address: where})
		if err != nil {
			return err
		}
		s = store.NewConsul(client, where)
	}
	if _, err := s.Acquire(context.Background(), "api-gateway"); err != nil {
		return err
	}
	fmt.Println("locked")
	return nil
}

// killOwner asserts that the lock of a process is held while it lives, and free at once when it was killed.
func killOwner(t *testing.T, open func() cutover.Store, where string) {
	t.Helper()
	owner := exec.CommandContext(t.Context(), os.Args[0])
	owner.Env = append(os.Environ(), hold+"="+where)
	owner.Stderr = os.Stderr
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "locked"; {
	}
	var locked *cutover.LockedError
	if _, err := open().Acquire(t.Context(), "api-gateway"); !errors.As(err, &locked) || locked.Holder.PID != owner.Process.Pid {
		t.Fatalf("while its owner lives: got %v", err)
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait()
	session, err := open().Acquire(t.Context(), "api-gateway")
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
}
