package cutovertest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// ResourceFixture is a resource under test and what is known of it.
type ResourceFixture struct {
	Resource cutover.Resource
	Target   string
	From     cutover.State   // where the target is now; empty: that is not looked at
	Walk     []cutover.State // where it is to be taken, one rung after the other
	Within   time.Duration   // each of them; default 20 s
	Secret   string          // must be in no error and no detail
	// Cut makes everything behind the resource unreachable, for the end of the test.
	Cut func()
}

// Resource is the contract of every resource: asking may be repeated, what was asked for is seen in the end, "could
// not tell" is an error and never a state, a context that is over is honoured, and no secret gets out.
func Resource(t *testing.T, f ResourceFixture) {
	t.Helper()
	if f.Within == 0 {
		f.Within = 20 * time.Second
	}
	if f.From != "" {
		f.observed(t, f.From)
	}
	for _, want := range f.Walk {
		for range 2 {
			f.set(t, want)
		}
		f.observed(t, want)
		f.set(t, want) // what looks right already is asked for again
		f.observed(t, want)
	}
	last := f.From
	if len(f.Walk) > 0 {
		last = f.Walk[len(f.Walk)-1]
	}
	t.Run("a context that is over is honoured", func(t *testing.T) {
		over, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if seen, err := f.Resource.Observe(over, f.Target); err == nil && seen.State != last {
			t.Errorf("observed %+v without having looked", seen)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %s to see that the context was over", took)
		}
	})
	if f.Cut == nil {
		return
	}
	t.Run("what can't be reached is an error and never a state", func(t *testing.T) {
		f.Cut()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		seen, err := f.Resource.Observe(ctx, f.Target)
		if err == nil && seen.State != "" {
			t.Errorf("observed %+v of something that can't be reached", seen)
		}
		f.noSecret(t, seen.Detail, seen.Doomed, text(err))
		f.noSecret(t, text(f.Resource.Set(ctx, f.Target, last)))
	})
}

func (f ResourceFixture) set(t *testing.T, want cutover.State) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), f.Within)
	defer cancel()
	if err := f.Resource.Set(ctx, f.Target, want); err != nil {
		f.noSecret(t, err.Error())
		if cutover.IsPermanent(err) {
			t.Fatalf("set %s to %s: %v", f.Target, want, err)
		}
	}
}

// observed polls until the state is seen, asking again as the runner does.
func (f ResourceFixture) observed(t *testing.T, want cutover.State) {
	t.Helper()
	var seen cutover.Observation
	var err error
	deadline := time.Now().Add(f.Within)
	for asked := time.Now(); ; {
		seen, err = f.Resource.Observe(t.Context(), f.Target)
		f.noSecret(t, seen.Detail, seen.Doomed, text(err))
		if err == nil && seen.State == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s was not seen %s within %s: %+v, %v", f.Target, want, f.Within, seen, err)
		}
		if time.Since(asked) > time.Second && want != f.From {
			f.set(t, want)
			asked = time.Now()
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (f ResourceFixture) noSecret(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if f.Secret != "" && strings.Contains(text, f.Secret) {
			t.Errorf("a secret got out: %q", text)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
