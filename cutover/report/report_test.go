package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/cutovertest"
	"github.com/cutover/cutover/cutover/probe"
	"github.com/cutover/cutover/cutover/report"
)

// rollout runs a rollout of two nodes in the model world and gives every event to a sink.
func rollout(t *testing.T, emit func(cutover.Event), change func(*cutovertest.World)) (cutover.Journal, time.Time, time.Time) {
	t.Helper()
	world := cutovertest.NewWorld(2)
	plan, err := cutover.Build(cutover.Spec{
		Service: "api-gateway", Rollout: "7f3a", Image: cutover.Image{Ref: "gateway:2", ID: "sha256:2222"},
		Ladder:   []cutover.State{cutover.Active, cutover.Quiesced},
		Strategy: cutover.Strategy{Hold: 2 * time.Second},
		Budgets: cutover.Budgets{
			Create: 10 * time.Second, Start: 20 * time.Second, Join: 10 * time.Second,
			Drain: 30 * time.Second, Quiesce: 15 * time.Second, Stop: 12 * time.Second, Remove: 12 * time.Second,
		},
	}, world.Seen())
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(world)
	}
	began := world.Clock.Now()
	runner := cutover.Runner{Clock: world.Clock, Resources: world.Resources(), Emit: emit}
	journal := runner.Run(t.Context(), &cutovertest.Memory{}, cutover.NewJournal(plan, began))
	return journal, began, world.Clock.Now()
}

// The names of the fields are a contract with whoever scripts the command.
func TestReportKeepsItsFields(t *testing.T) {
	journal, began, ended := rollout(t, nil, nil)
	made := report.Of(report.Run{
		Journal: journal, Outcome: journal.Outcome, Started: began, Finished: ended,
		Preparing: 300 * time.Millisecond, Probe: &probe.Summary{Requests: 10, Versions: map[string]int64{"2": 10}},
		Propagation: []report.Propagation{{Target: "gateway-1", To: cutover.Drained, All: 80, Balancers: map[string]float64{"lb-1": 80}}},
	})
	data, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"service", "rollout", "outcome", "exit_code", "started", "finished", "nodes.old", "nodes.new", "nodes.host",
		"nodes.seconds.start", "nodes.seconds.ready", "nodes.seconds.join", "nodes.seconds.drain", "nodes.seconds.quiesce", "nodes.seconds.stop",
		"steps.n", "steps.kind", "steps.targets", "steps.from", "steps.to", "steps.seconds", "steps.waited_for", "probe.requests", "probe.lost",
		"probe.before.p50_ms", "probe.before.p99_ms", "probe.before.max_ms", "probe.during.p50_ms", "probe.during.p99_ms", "probe.during.max_ms",
		"probe.versions", "propagation_ms", "overhead_seconds",
	} {
		var at any = fields
		for name := range strings.SplitSeq(path, ".") {
			if list, ok := at.([]any); ok {
				at = list[0]
			}
			object, _ := at.(map[string]any)
			if _, there := object[name]; !there {
				t.Errorf("%s is missing", path)
			}
			at = object[name]
		}
	}
	if made.Outcome != cutover.Done || made.ExitCode != 0 || len(made.Nodes) != 2 || len(made.Steps) != len(journal.Plan.Steps) {
		t.Errorf("got %+v", made)
	}
	// In the model everything takes time but the runner itself: what is left is the preparation.
	if made.Overhead != 0.3 {
		t.Errorf("overhead %g s, want 0.3", made.Overhead)
	}
	if s := made.Nodes[0].Seconds; s.Ready < 2 || s.Join < 2 || s.Quiesce <= 0 || s.Stop <= 0 || s.Drain <= 0 || s.Start <= 0 {
		t.Errorf("seconds: %+v", s)
	}
}

func TestSummarySaysWhatWasLostAndWhatToDo(t *testing.T) {
	for outcome, want := range map[cutover.Outcome]string{
		cutover.Done: "done (exit 0)", cutover.RolledBack: "(exit 2)", cutover.Stuck: "STUCK", cutover.Interrupted: "cutover resume", cutover.LockTrouble: "(exit 4)",
	} {
		text := report.Of(report.Run{Outcome: outcome, Probe: &probe.Summary{
			Requests: 900, Lost: 1,
			Losses: []probe.Loss{{Request: "GET http://vip/", Why: "status 502", Step: "forward 5"}},
		}}).String()
		for _, part := range []string{want, "1 of 900 requests lost", "status 502 (during forward 5)"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %q is not in:\n%s", outcome, part, text)
			}
		}
	}
}

func TestProgressInPlainLines(t *testing.T) {
	var out bytes.Buffer
	progress := report.Progress{Out: &out}
	rollout(t, progress.Emit, func(w *cutovertest.World) {
		w.SetError = func(request string) error {
			if request == "workload gw-1 quiesced" {
				return cutover.Permanent(errors.New("quiesce gw-1: 401\x1b[2J"))
			}
			return nil
		}
	})
	text := out.String()
	for _, part := range []string{
		" 4/19 member gw-1.7f3a drained -> serving ...", " 4/19 member gw-1.7f3a drained -> serving  done in 2.3s",
		"GOING BACK: workload gw-1 active -> quiesced", "workload gw-1 quiesced -> active",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
	if strings.ContainsAny(text, "\x1b\r") {
		t.Error("control characters in plain lines")
	}
}

func TestProgressOnATerminalFitsItsWidth(t *testing.T) {
	var out bytes.Buffer
	progress := report.Progress{Out: &out, Width: 100}
	rollout(t, progress.Emit, nil)
	for drawn := range strings.SplitSeq(out.String(), "\r\x1b[K") {
		line, _, stays := strings.Cut(drawn, "\n")
		if !stays && len([]rune(line)) >= 100 {
			t.Errorf("%d columns: %q", len([]rune(line)), line)
		}
	}
	if !strings.Contains(out.String(), "left") || !strings.Contains(out.String(), "holds for") {
		t.Error("neither what is waited for nor the hold is shown")
	}
}

func TestLogLevels(t *testing.T) {
	for level, want := range map[zerolog.Level]int{zerolog.WarnLevel: 0, zerolog.DebugLevel: 19} {
		var out bytes.Buffer
		rollout(t, report.Log{Logger: zerolog.New(&out).Level(level)}.Emit, nil)
		if got := strings.Count(out.String(), `"event":"arrived"`); got != want {
			t.Errorf("%s: %d steps logged, want %d", level, got, want)
		}
	}
}
