package cutover_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
	"github.com/cutover/cutover/cutover/cutovertest"
)

var update = flag.Bool("update", false, "rewrite the golden plans")

var goldenPlans = map[string]struct {
	nodes  int
	change func(*cutover.Spec, *cutover.World)
}{
	"one node":    {1, nil},
	"three nodes": {3, nil},
	"six nodes, four started and two shifted at a time": {6, func(s *cutover.Spec, _ *cutover.World) {
		s.Strategy.Start, s.Strategy.MaxSurge, s.Strategy.Shift = 4, 4, 2
		s.Budgets.OnDrainTimeout = cutover.Continue
	}},
	"no driver, no hold, no soak": {2, func(s *cutover.Spec, _ *cutover.World) {
		s.Ladder, s.Driver, s.Readiness = nil, "none", ""
		s.Strategy.Hold, s.Strategy.Soak = 0, 0
	}},
	"a blind balancer and one that is not asked": {1, func(s *cutover.Spec, _ *cutover.World) {
		s.Balancers = append(s.Balancers, cutover.Balancer{Name: "lb-3", Blind: true, Settle: 10 * time.Second})
		s.Balancers[1].Without = true
	}},
	"one node is new already": {3, func(s *cutover.Spec, w *cutover.World) { w.Nodes[1].Image = s.Image }},
	"consumers exclusive": {3, func(s *cutover.Spec, _ *cutover.World) {
		s.Consumers = cutover.Exclusive
		s.Strategy.Start, s.Strategy.MaxSurge = 2, 2
		s.Notes = []string{"gw-1 works without the load balancer: trigger orders.jms:onOrder"}
	}},
	"blue-green": {1, blueGreen},
	"a whole cluster": {3, func(s *cutover.Spec, w *cutover.World) {
		wholeCluster(s, w)
		s.Notes = []string{"stateful sessions and caches do not carry over to the new cluster"}
	}},
	"all nodes are new already": {2, func(s *cutover.Spec, w *cutover.World) {
		w.Nodes[0].Image, w.Nodes[1].Image = s.Image, s.Image
	}},
}

func TestGoldenPlans(t *testing.T) {
	for name, test := range goldenPlans {
		t.Run(name, func(t *testing.T) {
			spec, seen := testSpec(), cutovertest.NewWorld(test.nodes).Seen()
			if test.change != nil {
				test.change(&spec, &seen)
			}
			plan, err := cutover.Build(spec, seen)
			if err != nil {
				t.Fatal(err)
			}
			if err := plan.Verify(seen); err != nil {
				t.Error(err)
			}
			got := plan.String()
			if len(plan.Steps) > 0 {
				got += "\nand back from the middle:\n" + cutover.Plan{Steps: plan.Back(len(plan.Steps) / 2)}.Rows()
			}
			file := filepath.Join("testdata", "plans", strings.ReplaceAll(name, " ", "-")+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func blueGreen(s *cutover.Spec, _ *cutover.World) {
	s.Strategy.Kind = cutover.BlueGreen
	s.Ladder = []cutover.State{cutover.Active, cutover.Frozen, cutover.Quiesced}
}

func wholeCluster(s *cutover.Spec, _ *cutover.World) {
	s.Strategy.Kind, s.Strategy.Start = cutover.Cluster, 2
}

func TestBuildRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*cutover.Spec, *cutover.World)
		want   []string
	}{
		"no container": {func(_ *cutover.Spec, w *cutover.World) { w.Nodes = nil }, []string{"containers.label"}},
		"all reasons at once": {func(s *cutover.Spec, w *cutover.World) {
			w.Nodes[0].Member, w.Nodes[0].Detail = cutover.Drained, "in maintenance: patching"
			w.Nodes[1].Container = ""
			s.Strategy.MinServing = 4
		}, []string{"gw-1 is drained (in maintenance: patching)", "gw-2 is in no known state", "min_serving is 4, but only 2"}},
		"blue-green without a rung for it": {func(s *cutover.Spec, _ *cutover.World) { s.Strategy.Kind = cutover.BlueGreen }, []string{"driver apigateway can't do that", "rolling"}},
		"two nodes, one name":              {func(_ *cutover.Spec, w *cutover.World) { w.Nodes[1].Base = "gw-1" }, []string{"would be called gw-1.7f3a"}},
	} {
		t.Run(name, func(t *testing.T) {
			spec, seen := testSpec(), cutovertest.NewWorld(3).Seen()
			test.change(&spec, &seen)
			_, err := cutover.Build(spec, seen)
			if err == nil {
				t.Fatal("it was not refused")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

func TestVerifyRefusesAnotherWorld(t *testing.T) {
	seen := cutovertest.NewWorld(2).Seen()
	plan, err := cutover.Build(testSpec(), seen)
	if err != nil {
		t.Fatal(err)
	}
	moved := cutovertest.NewWorld(2).Seen()
	moved.Nodes[1].ID = "id-of-another"
	if err := plan.Verify(moved); err == nil || !strings.Contains(err.Error(), "gw-2") {
		t.Errorf("got %v", err)
	}
}

// Whatever is done to a good plan, Verify either accepts one that keeps the rules in the model world, or refuses.
func FuzzVerify(f *testing.F) {
	f.Add(uint8(3), uint8(1), uint8(1), uint16(4), uint16(9), uint8(0))
	f.Add(uint8(5), uint8(3), uint8(2), uint16(2), uint16(3), uint8(1))
	f.Add(uint8(2), uint8(1), uint8(1), uint16(5), uint16(0), uint8(2))
	f.Fuzz(func(t *testing.T, nodes, start, shift uint8, a, b uint16, damage uint8) {
		m := newModel(t, int(nodes%6)+1, func(s *cutover.Spec) {
			s.Strategy.Start, s.Strategy.MaxSurge, s.Strategy.Shift = int(start%4)+1, int(start%4)+1, int(shift%3)+1
			changes[int(start/4)%len(changes)](s, nil)
		})
		steps := m.plan.Steps
		i, j := int(a)%len(steps), int(b)%len(steps)
		switch damage % 5 {
		case 0:
			steps[i], steps[j] = steps[j], steps[i]
		case 1:
			steps = append(steps[:i:i], steps[i+1:]...)
		case 2:
			steps[i].To = steps[j].To
		case 3:
			steps[i].Targets = steps[j].Targets
		case 4: // as it was built
		}
		m.plan.Steps = steps
		if err := m.plan.Verify(m.world.Seen()); err != nil {
			if damage%5 == 4 {
				t.Errorf("a plan as it was built is refused: %v", err)
			}
			return
		}
		m.apply()
		m.keptTheRules()
	})
}

func BenchmarkPlan1000(b *testing.B) {
	seen := cutovertest.NewWorld(1000).Seen()
	spec := testSpec()
	spec.Strategy.Start, spec.Strategy.MaxSurge = 4, 4
	b.ReportAllocs()
	for b.Loop() {
		plan, err := cutover.Build(spec, seen)
		if err != nil {
			b.Fatal(err)
		}
		if err := plan.Verify(seen); err != nil {
			b.Fatal(err)
		}
	}
}
