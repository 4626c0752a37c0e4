package cutovertest

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// Store is the contract of every store. open gives a new handle on the same, at first empty, stored state, as
// another process would get it; break takes the lock away from under its owner.
func Store(t *testing.T, open func(t *testing.T) cutover.Store, breakLock func(t *testing.T, serviceName string)) {
	const serviceName = "api-gateway"
	first, second := open(t), open(t)

	if journal, holder, err := first.Peek(t.Context(), serviceName); journal != nil || holder != nil || err != nil {
		t.Fatalf("an empty store has journal %v, holder %v, error %v", journal, holder, err)
	}
	if err := second.Ask(t.Context(), serviceName, abortRequest()); !errors.Is(err, cutover.ErrNobody) {
		t.Errorf("ask nobody: got %v, want ErrNobody", err)
	}
	session := acquire(t, first, serviceName)
	if journal, err := session.Load(t.Context()); journal != nil || err != nil {
		t.Errorf("load from an empty store: got %v, %v", journal, err)
	}
	if _, asked := session.Asked(); asked {
		t.Error("a new session has a request already")
	}
	if session.Left() <= 0 {
		t.Error("a new lock covers no request")
	}

	journal := sampleJournal()
	journal.Cursor = 1
	for rev := uint64(1); rev <= 3; rev++ {
		journal.Cursor++
		if err := session.Save(t.Context(), &journal); err != nil {
			t.Fatalf("save: %v", err)
		}
		if journal.Rev != rev {
			t.Errorf("save %d gave rev %d", rev, journal.Rev)
		}
	}
	t.Run("a stale journal can't be saved", func(t *testing.T) {
		stale := journal
		stale.Rev = 1
		if err := session.Save(t.Context(), &stale); !errors.Is(err, cutover.ErrLost) {
			t.Errorf("got %v, want ErrLost", err)
		}
	})
	t.Run("another process sees the journal and the holder, and is refused", func(t *testing.T) {
		seen, holder, err := second.Peek(t.Context(), serviceName)
		if err != nil || seen == nil || holder == nil {
			t.Fatalf("peek: %v, %v, %v", seen, holder, err)
		}
		if seen.Cursor != journal.Cursor || seen.Plan.Spec.Service != serviceName || len(seen.Plan.Steps) != len(journal.Plan.Steps) {
			t.Errorf("peek gave another journal: %+v", seen)
		}
		_, err = second.Acquire(t.Context(), serviceName)
		var locked *cutover.LockedError
		if !errors.As(err, &locked) || locked.Holder.PID == 0 || !strings.Contains(err.Error(), locked.Holder.Who) {
			t.Errorf("second acquire: got %v, want who holds the lock", err)
		}
	})
	t.Run("another service is not locked", func(t *testing.T) {
		if err := acquire(t, second, "billing").Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("a request reaches the holder", func(t *testing.T) {
		if err := second.Ask(t.Context(), serviceName, abortRequest()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the request", func() bool {
			request, asked := session.Asked()
			return asked && request.What == cutover.RequestAbort && request.Who == "ops"
		})
	})
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("the next session goes on, without the old request", func(t *testing.T) {
		next := acquire(t, second, serviceName)
		loaded, err := next.Load(t.Context())
		if err != nil || loaded == nil || loaded.Rev != 3 {
			t.Fatalf("load: %+v, %v", loaded, err)
		}
		if _, asked := next.Asked(); asked {
			t.Error("the request of the session before is still there")
		}
		if err := next.Save(t.Context(), loaded); err != nil || loaded.Rev != 4 {
			t.Errorf("save: rev %d, %v", loaded.Rev, err)
		}
		fresh := sampleJournal()
		fresh.Plan.Spec.Rollout = "8a4b"
		if err := next.Save(t.Context(), &fresh); err != nil || fresh.Rev != 5 {
			t.Errorf("a new rollout's journal: rev %d, %v", fresh.Rev, err)
		}
		if past, err := second.Past(t.Context(), serviceName); err != nil || len(past) != 1 || past[0].Rollout != "7f3a" || len(past[0].Replaced) == 0 {
			t.Errorf("the rollouts before: %+v, %v", past, err)
		}
		breakLock(t, serviceName)
		if err := next.Save(t.Context(), &fresh); !errors.Is(err, cutover.ErrLost) {
			t.Errorf("save without the lock: got %v, want ErrLost", err)
		}
		eventually(t, "the loss of the lock", func() bool {
			select {
			case <-next.Lost():
				return true
			default:
				return false
			}
		})
		if seen, _, err := first.Peek(t.Context(), serviceName); err != nil || seen.Rev != 5 {
			t.Errorf("a save without the lock was stored: %+v, %v", seen, err)
		}
		if left := next.Left(); left > 0 && left != cutover.Forever {
			t.Errorf("a lost lock covers %s", left)
		}
		next.Close() //nolint:errcheck // there is nothing left to release
	})
	t.Run("the journal of a newer version is refused", func(t *testing.T) {
		newer := sampleJournal()
		newer.Version = cutover.JournalVersion + 1
		session := acquire(t, second, "newer")
		defer session.Close() //nolint:errcheck // the test has ended
		if err := session.Save(t.Context(), &newer); err != nil {
			t.Fatal(err)
		}
		if _, _, err := first.Peek(t.Context(), "newer"); err == nil || !strings.Contains(err.Error(), "newer cutover") {
			t.Errorf("peek: %v", err)
		}
		if _, err := session.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "newer cutover") {
			t.Errorf("load: %v", err)
		}
	})
	t.Run("a thousand containers", func(t *testing.T) { thousand(t, open(t)) })
}

func acquire(t *testing.T, store cutover.Store, serviceName string) cutover.Session {
	t.Helper()
	session, err := store.Acquire(t.Context(), serviceName)
	if err != nil {
		t.Fatalf("acquire %s: %v", serviceName, err)
	}
	return session
}

func sampleJournal() cutover.Journal {
	world := NewWorld(3)
	plan, err := cutover.Build(cutover.Spec{
		Service: "api-gateway", Rollout: "7f3a",
		Image: cutover.Image{Ref: "gateway:2", ID: "sha256:2222"},
	}, world.Seen())
	if err != nil {
		panic(err)
	}
	return cutover.NewJournal(plan, world.Clock.Now())
}

func abortRequest() cutover.Request {
	return cutover.Request{What: cutover.RequestAbort, Who: "ops", At: time.Now()}
}

// eventually polls for up to five seconds.
func eventually(t *testing.T, what string, seen func() bool) {
	t.Helper()
	deadline := time.NewTimer(5 * time.Second)
	defer deadline.Stop()
	for !seen() {
		select {
		case <-deadline.C:
			t.Errorf("not seen within 5s: %s", what)
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// thousand saves a rollout of a thousand containers to its end, which is beyond what fits into one value of any store.
func thousand(t *testing.T, store cutover.Store) {
	world := NewWorld(1000)
	seen := world.Seen()
	random := rand.NewChaCha8([32]byte{})
	for i := range seen.Nodes { // what is known of a container does not compress well
		facts := make([]byte, 500)
		random.Read(facts) //nolint:errcheck // it can't fail
		seen.Nodes[i].Facts = map[cutover.Kind]json.RawMessage{cutover.Container: json.RawMessage(asJSON(t, facts))}
	}
	plan, err := cutover.Build(cutover.Spec{
		Service: "thousand", Rollout: "1000", Image: cutover.Image{Ref: "gateway:2", ID: "sha256:2222"},
		Ladder: []cutover.State{cutover.Active, cutover.Quiesced}, Strategy: cutover.Strategy{MaxSurge: 1000, Start: 1000},
	}, seen)
	if err != nil {
		t.Fatal(err)
	}
	session := acquire(t, store, "thousand")
	defer session.Close() //nolint:errcheck // the test has ended
	journal := cutover.NewJournal(plan, world.Clock.Now())
	for i := range 100 {
		journal.Cursor = i
		journal.History = append(journal.History, cutover.Entry{N: i + 1, Step: plan.Steps[i], Started: world.Clock.Now()})
		if i > 0 {
			journal.History[i-1].Ended = world.Clock.Now()
		}
		if err := session.Save(t.Context(), &journal); err != nil {
			t.Fatalf("save %d: %v", i, err)
		}
	}
	peeked, _, err := store.Peek(t.Context(), "thousand")
	if err != nil {
		t.Fatal(err)
	}
	if want, got := asJSON(t, journal), asJSON(t, peeked); want != got {
		t.Errorf("what is stored is not what was saved: %d bytes, want %d", len(got), len(want))
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
