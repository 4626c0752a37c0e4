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
		{Step: step(cutover.Workload, cutover.Frozen, cutover.Quiesced), Direction: cutover.Forward, Started: at(3)},
		{Step: step(cutover.Workload, cutover.Frozen, cutover.Quiesced), Direction: cutover.Forward, Started: at(5), Ended: at(6)},
		{Step: step(cutover.Container, cutover.Healthy, cutover.Stopped), Direction: cutover.Forward, Started: at(7), Ended: at(8)},
		{Step: step(cutover.Container, cutover.Stopped, cutover.Healthy), Direction: cutover.Back, Started: at(9), Ended: at(10)},
		{Step: step(cutover.Workload, cutover.Quiesced, cutover.Frozen), Direction: cutover.Back, Started: at(11), Ended: at(12)},
		{Step: step(cutover.Container, cutover.Healthy, cutover.Healthy), Direction: cutover.Back, Started: at(13)},
	}}
	untouched := cutover.Journal{History: []cutover.Entry{
		{Step: step(cutover.Workload, cutover.Active, cutover.Quiesced), Direction: cutover.Forward, Started: at(1), Ended: at(2), Untouched: true},
	}}
	for name, test := range map[string]struct{ got, want time.Time }{
		"quiesced without effect": {untouched.QuiescedAt("gw-1"), time.Time{}},
		"begun without effect":    {untouched.QuiesceBegan("gw-1"), time.Time{}},
		"quiesced last":           {j.QuiescedAt("gw-1"), at(6)},
		"quiesced first":          {j.QuiesceBegan("gw-1"), at(3)},
		"stopped, not looked at":  {j.StopAskedAt("gw-1"), at(8)},
		"another was not stopped": {j.StopAskedAt("gw-2"), time.Time{}},
	} {
		if !test.got.Equal(test.want) {
			t.Errorf("%s: got %s, want %s", name, test.got, test.want)
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
