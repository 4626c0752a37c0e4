package cutover_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

type mutant struct{ name, file, was, becomes string }

// Each mutant is a mistake that somebody could make in the runner. The tests of this package must notice every one.
var mutants = []mutant{
	{
		"advance without observing", "step.go",
		`all := a.arrived(seen)`, `all := a.askedAll()`,
	},
	{
		"skip asking when it already looks right", "step.go",
		`	for i := range a.targets {
		t := &a.targets[i]
		now := a.Clock.Now()`,
		`	first := a.look(ctx)
	for i := range a.targets {
		t := &a.targets[i]
		now := a.Clock.Now()
		if first[i].State == a.step.To {
			t.asked = true
			continue
		}`,
	},
	{
		"step in flight not undone", "journal.go",
		`j.Direction, j.TurnedAt, j.Cursor, j.Reason, j.Outcome = Back, j.Cursor, 0, reason, ""`,
		`j.Direction, j.TurnedAt, j.Cursor, j.Reason, j.Outcome = Back, j.Cursor-1, 0, reason, ""`,
	},
	{
		"lost lock ignored", "runner.go",
		`	case <-r.session.Lost():
		return true`, `	case <-r.session.Lost():
		return false`,
	},
	{
		"hold ignored", "step.go",
		`if all && (a.step.Hold == 0 || looked.Sub(a.held) >= a.step.Hold) {`, `if all {`,
	},
	{
		"the hold counts to the end of the last look", "step.go",
		`looked.Sub(a.held) >= a.step.Hold`, `now.Sub(a.held) >= a.step.Hold`,
	},
	{
		"a gap does not end the hold", "step.go",
		`		a.held = time.Time{}
`, ``,
	},
	{
		"abort cancels its own undo", "runner.go",
		`		r.told = true
		if r.canTurn() {`, `		if true {`,
	},
	{
		"the first signal stops the way back", "runner.go",
		`		case r.heeded > 1:`, `		case r.heeded > 0 && r.journal.Direction == Back:`,
	},
	{
		"one-way is not guarded", "back.go",
		`		if p.Steps[i].OneWay {
			return false`, `		if p.Steps[i].OneWay {
			return true`,
	},
	{
		"a rollback is rolled back", "runner.go",
		`			if r.journal.Direction == Back {
				return r.stuck(`, `			if false {
				return r.stuck(`,
	},
	{
		"a target beyond the rung is waited for", "step.go",
		`return s.Err == nil && (s.State == a.step.To || a.beyond(s))`, `return s.Err == nil && s.State == a.step.To`,
	},
	{
		"a resumed removal is taken back", "runner.go",
		`resumed: len(journal.History) > 0}`, `resumed: false}`,
	},
	{
		"the cursor is saved after asking", "runner.go",
		`	if err := r.save(ctx); err != nil {
		return nil, err
	}
	for name`, `	for name`,
	},
	{
		"stragglers are cut while a balancer can't be read", "step.go",
		`if s.Err != nil || (s.State != want && !s.Stragglers) {`, `if s.Err != nil {`,
	},
}

func TestMutantsAreNoticed(t *testing.T) {
	if os.Getenv("CUTOVER_MUTANT") != "" || testing.Short() {
		t.Skip("a mutant does not test mutants")
	}
	for _, mutant := range mutants {
		t.Run(mutant.name, func(t *testing.T) {
			t.Parallel()
			run := exec.CommandContext(t.Context(), "go", "test", "-failfast", "-vet=off", "-timeout", "20s", "-overlay", mutant.overlay(t), ".")
			run.Env = append(os.Environ(), "CUTOVER_MUTANT=1")
			out, err := run.CombinedOutput()
			if err == nil {
				t.Error("no test noticed it")
			} else if !strings.Contains(string(out), "--- FAIL") && !strings.Contains(string(out), "panic: test timed out") {
				t.Errorf("it was not a test that failed:\n%s", out)
			}
		})
	}
}

// The simulation, which knows nothing of how the runner works, finds what matters most too.
func TestSimulationFindsMutants(t *testing.T) {
	if os.Getenv("CUTOVER_MUTANT") != "" || testing.Short() {
		t.Skip("a mutant does not test mutants")
	}
	must := []string{
		"advance without observing", "skip asking when it already looks right", "step in flight not undone", "lost lock ignored",
		"hold ignored", "abort cancels its own undo", "the first signal stops the way back", "one-way is not guarded",
		"a rollback is rolled back", "the cursor is saved after asking",
	}
	for _, mutant := range mutants {
		if !slices.Contains(must, mutant.name) {
			continue
		}
		t.Run(mutant.name, func(t *testing.T) {
			t.Parallel()
			run := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-overlay", mutant.overlay(t), "./sim", "-run", "TestSeeds$", "-seeds", "1500", "-enough", "1")
			out, err := run.CombinedOutput()
			if err == nil {
				t.Error("no seed failed")
			} else if !strings.Contains(string(out), "run it again") {
				t.Errorf("it was not a rule that was broken:\n%s", out)
			}
		})
	}
}

// overlay is a file that makes go test take the mutant in place of the source.
func (m mutant) overlay(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(m.file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), m.was); n != 1 {
		t.Fatalf("the text to change is %d times in %s: bring the mutant up to date", n, m.file)
	}
	dir := t.TempDir()
	mutated := filepath.Join(dir, m.file)
	write(t, mutated, []byte(strings.Replace(string(source), m.was, m.becomes, 1)))
	original, err := filepath.Abs(m.file)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutated}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	write(t, file, overlay)
	return file
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
