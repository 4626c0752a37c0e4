package cutover_test

import (
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
	for name, test := range map[string]struct{ got, want time.Time }{
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
