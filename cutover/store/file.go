// Package store keeps journals where a crash can't lose them, and lets one runner at a time have one.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cutover/cutover/cutover"
)

// File keeps each service's journal in a folder of this machine. The lock is flock(2): it dies with its owner, so
// it never has to be released by hand. The folder must be on a local file system.
type File struct {
	folder string
}

// NewFile keeps journals in a folder, which the first Acquire makes, for its owner only.
func NewFile(folder string) *File { return &File{folder: folder} }

// A reader of the lock holds it shared for a moment; that is not an owner.
const readersAreGoneWithin = 250 * time.Millisecond

// Acquire takes the lock or says who holds it. It blocks for a quarter of a second at most.
func (f *File) Acquire(ctx context.Context, serviceName string) (cutover.Session, error) {
	if err := os.MkdirAll(f.folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder %s: %w", f.folder, err)
	}
	lock, err := os.OpenFile(f.path(serviceName, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", serviceName, err)
	}
	if err := f.lock(ctx, lock, serviceName); err != nil {
		lock.Close() //nolint:errcheck // nothing was written
		return nil, err
	}
	if err := os.Remove(f.path(serviceName, "ask")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		lock.Close() //nolint:errcheck // nothing was written
		return nil, fmt.Errorf("lock %s: remove an old request: %w", serviceName, err)
	}
	holder, err := json.Marshal(self(time.Now()))
	if err == nil {
		err = errors.Join(lock.Truncate(0), writeAt(lock, holder))
	}
	if err != nil {
		lock.Close() //nolint:errcheck // the error that matters is the one before
		return nil, fmt.Errorf("lock %s: write who holds it: %w", serviceName, err)
	}
	return &fileSession{file: f, service: serviceName, lock: lock, lost: make(chan struct{})}, nil
}

func (f *File) lock(ctx context.Context, lock *os.File, serviceName string) error {
	ctx, cancel := context.WithTimeout(ctx, readersAreGoneWithin)
	defer cancel()
	for {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("lock %s: %w", serviceName, err)
		}
		select {
		case <-ctx.Done():
			return &cutover.LockedError{Service: serviceName, Holder: holderIn(lock)}
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Peek reads the journal, and the holder when the lock is held.
func (f *File) Peek(_ context.Context, serviceName string) (*cutover.Journal, *cutover.Holder, error) {
	journal, err := f.load(serviceName)
	if err != nil {
		return nil, nil, err
	}
	lock, err := os.Open(f.path(serviceName, "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return journal, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("look at the lock of %s: %w", serviceName, err)
	}
	defer lock.Close() //nolint:errcheck // only read
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err == nil {
		return journal, nil, nil
	}
	holder := holderIn(lock)
	if journal != nil {
		holder.Rollout = journal.Plan.Spec.Rollout
	}
	return journal, &holder, nil
}

// Ask leaves a request where the holder of the lock looks for it.
func (f *File) Ask(ctx context.Context, serviceName string, request cutover.Request) error {
	_, holder, err := f.Peek(ctx, serviceName)
	if err != nil {
		return err
	}
	if holder == nil {
		return fmt.Errorf("ask for %s of %s: %w", request.What, serviceName, cutover.ErrNobody)
	}
	data, err := json.Marshal(request)
	if err != nil {
		return err
	}
	return f.write(serviceName, "ask", data)
}

// Past lists the rollouts before the present one's journal.
func (f *File) Past(_ context.Context, serviceName string) ([]cutover.Record, error) {
	path := f.path(serviceName, "past")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", serviceName, err)
	}
	var records []cutover.Record
	if err := json.Unmarshal(data, &records); err != nil {
		return nil, fmt.Errorf("read the history of %s: %s is damaged: %w: move it away", serviceName, path, err)
	}
	return records, nil
}

// remember adds a record. A crash between this and the journal's replacement remembers it twice: the second time wins.
func (f *File) remember(ctx context.Context, serviceName string, record cutover.Record) error {
	records, err := f.Past(ctx, serviceName)
	if err != nil {
		return err
	}
	if len(records) > 0 && records[0].Rollout == record.Rollout {
		records = records[1:]
	}
	data, err := json.Marshal(cutover.WithRecord(records, record))
	if err != nil {
		return err
	}
	return f.write(serviceName, "past", data)
}

func (f *File) load(serviceName string) (*cutover.Journal, error) {
	data, err := os.ReadFile(f.path(serviceName, "json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the journal of %s: %w", serviceName, err)
	}
	var journal cutover.Journal
	if err := json.Unmarshal(data, &journal); err != nil {
		return nil, fmt.Errorf("read the journal %s: %w: it was changed by something else: restore it from a backup; or move it away once the fleet is as you want it",
			f.path(serviceName, "json"), err)
	}
	return &journal, journal.Check()
}

// write replaces a file so that a crash at any moment leaves either the old or the new one, whole.
func (f *File) write(serviceName, kind string, data []byte) error {
	path := f.path(serviceName, kind)
	if err := replace(path, data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func replace(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // gone already when all went well
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func (f *File) path(serviceName, kind string) string {
	return filepath.Join(f.folder, filepath.Base(serviceName)+"."+kind)
}

func writeAt(lock *os.File, data []byte) error {
	_, err := lock.WriteAt(data, 0)
	return err
}

func holderIn(lock *os.File) cutover.Holder {
	var holder cutover.Holder
	data := make([]byte, 4096)
	n, _ := lock.ReadAt(data, 0)
	if json.Unmarshal(data[:n], &holder) != nil {
		holder.Who = "somebody"
	}
	return holder
}

func self(now time.Time) cutover.Holder {
	holder := cutover.Holder{Who: "uid " + fmt.Sprint(os.Getuid()), PID: os.Getpid(), Since: now}
	if u, err := user.Current(); err == nil {
		holder.Who = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		holder.Host = host
	}
	return holder
}
