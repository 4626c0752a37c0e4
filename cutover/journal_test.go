package cutover_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// What the journal says was asked of a container decides whether its present life is over.
func TestJournalKnowsWhatWasAsked(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC) }
	step := func(kind cutover.Kind, from, to cutover.State) cutover.Step {
		return cutover.Step{Kind: kind, Targets: []string{"gw-1"}, From: from, To: to}
	}
	j := cutover.Journal{History: []cutover.Entry{
		{Step: step(cutover.Workload, cutover.Active, cutover.Frozen), Direction: cutover.Forward, Started: at(1), Ended: at(2)},
		{Step: step(cutover.Workload, cutover.Frozen, cutover.Quiesced), Direction: cutover.Forward, Started: at(3), Lives: map[string]string{"gw-1": "a"}},
		{Step: step(cutover.Workload, cutover.Frozen, cutover.Quiesced), Direction: cutover.Forward, Started: at(5), Ended: at(6), Lives: map[string]string{"gw-1": "a"}, LivesAfter: map[string]string{"gw-1": "b"}},
		{Step: step(cutover.Container, cutover.Healthy, cutover.Stopped), Direction: cutover.Forward, Started: at(7), Ended: at(8), Lives: map[string]string{"gw-1": "b"}},
		{Step: step(cutover.Container, cutover.Stopped, cutover.Healthy), Direction: cutover.Back, Started: at(9), Ended: at(10)},
		{Step: step(cutover.Workload, cutover.Quiesced, cutover.Frozen), Direction: cutover.Back, Started: at(11), Ended: at(12)},
		{Step: step(cutover.Container, cutover.Healthy, cutover.Healthy), Direction: cutover.Back, Started: at(13)},
	}}
	untouched := cutover.Journal{History: []cutover.Entry{
		{Step: step(cutover.Workload, cutover.Active, cutover.Quiesced), Direction: cutover.Forward, Started: at(1), Ended: at(2), Untouched: true},
	}}
	for name, test := range map[string]struct{ got, want cutover.Moment }{
		"quiesced without effect": {untouched.QuiescedAt("gw-1"), cutover.Moment{}},
		"begun without effect":    {untouched.QuiesceBegan("gw-1"), cutover.Moment{}},
		"quiesced last":           {j.QuiescedAt("gw-1"), cutover.Moment{At: at(6), Life: "b"}},
		"quiesced first":          {j.QuiesceBegan("gw-1"), cutover.Moment{At: at(3), Life: "a"}},
		"stopped, not looked at":  {j.StopAskedAt("gw-1"), cutover.Moment{At: at(8)}},
		"another was not stopped": {j.StopAskedAt("gw-2"), cutover.Moment{}},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %v, want %v", name, test.got, test.want)
		}
	}
}

// A life that is known tells by itself; dates, which a clock that is set makes wrong, only where it is not.
func TestMoment(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	place := func(life string, at time.Time) cutover.Place {
		return cutover.Place{Running: true, Life: life, StartedAt: at}
	}
	for name, test := range map[string]struct {
		asked cutover.Moment
		place cutover.Place
		want  bool
	}{
		"the same life":                            {cutover.Moment{At: noon, Life: "a"}, place("a", noon.Add(-time.Hour)), false},
		"the same, the clock was set back since":   {cutover.Moment{At: noon, Life: "a"}, place("a", noon.Add(time.Hour)), false},
		"another":                                  {cutover.Moment{At: noon, Life: "a"}, place("b", noon.Add(time.Second)), true},
		"another, after the clock was set back":    {cutover.Moment{At: noon, Life: "a"}, place("b", noon.Add(-time.Hour)), true},
		"it did not run then":                      {cutover.Moment{At: noon, Life: cutover.NoLife}, place("b", noon.Add(-time.Hour)), true},
		"not known, later":                         {cutover.Moment{At: noon}, place("b", noon.Add(time.Second)), true},
		"not known, earlier":                       {cutover.Moment{At: noon}, place("b", noon.Add(-time.Second)), false},
		"what is asked of it now":                  {place("a", noon).Moment(), place("a", noon), false},
		"what was asked of it when it did not run": {cutover.Place{StartedAt: noon, Life: "a"}.Moment(), place("b", noon.Add(-time.Hour)), true},
	} {
		if got := test.asked.Before(test.place); got != test.want {
			t.Errorf("%s: began after it was asked: %v, want %v", name, got, test.want)
		}
	}
}

// Whatever was done to a stored journal, it is refused, or can be read: nothing of it makes the program fall over.
func FuzzJournal(f *testing.F) {
	m := newModel(&testing.T{}, 2, nil)
	journal := cutover.NewJournal(m.plan, m.world.Clock.Now())
	journal.History = []cutover.Entry{{N: 1, Step: m.plan.Steps[0], Direction: cutover.Forward, Started: m.world.Clock.Now()}}
	for _, change := range []func(*cutover.Journal){
		func(*cutover.Journal) {}, func(j *cutover.Journal) { j.Cursor = -1 }, func(j *cutover.Journal) { j.Direction = "sideways" },
		func(j *cutover.Journal) { j.Direction, j.TurnedAt = cutover.Back, 3 }, func(j *cutover.Journal) { j.Version = 99 },
	} {
		j := journal
		change(&j)
		text, err := json.Marshal(j)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var j cutover.Journal
		if json.Unmarshal(text, &j) != nil || j.Check() != nil {
			return
		}
		steps := j.Steps()
		_ = (cutover.Plan{Steps: steps[j.Cursor:]}).Rows()
		_, _, _, _ = j.Open(), j.Record(), j.QuiescedAt("gw-1"), j.StopAskedAt("gw-1")
		if err := j.TurnRound("test"); err == nil && j.Cursor > len(j.Steps()) {
			t.Errorf("it turned round to step %d of %d", j.Cursor, len(j.Steps()))
		}
	})
}
