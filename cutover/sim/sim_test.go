package sim_test

import (
	"flag"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seeds   = flag.Int("seeds", 300, "how many seeds to run")
	first   = flag.Uint64("first", 1, "the first of them")
	seed    = flag.Uint64("seed", 0, "run this seed only, and print its trace")
	enough  = flag.Int("enough", 20, "after how many failing seeds to stop")
	without = flag.String("without", "", "kinds of faults that are left out, separated by commas")
)

// result is what is known of a seed when it has ended.
type result struct {
	hash     string
	broken   []string
	trace    string
	faults   map[string]int
	outcomes map[string]int
}

// simulate runs one seed.
func simulate(t *testing.T, seed uint64, without map[string]bool, verbose bool) (r result) {
	synctest.Test(t, func(*testing.T) {
		w := newWorld(seed, without, verbose)
		w.run()
		r = result{w.trace.hash(), w.broken, w.trace.text.String(), w.faults, w.outcomes}
	})
	return r
}

// leftOut are the kinds of faults that the command line names.
func leftOut() map[string]bool {
	out := map[string]bool{}
	for kind := range strings.SplitSeq(*without, ",") {
		if kind != "" && !slices.Contains(kinds, kind) {
			panic("no such fault: " + kind)
		}
		out[kind] = true
	}
	return out
}

// TestSeed runs the seed of the command line and prints its trace.
func TestSeed(t *testing.T) {
	if *seed == 0 {
		t.Skip("no -seed")
	}
	r := simulate(t, *seed, leftOut(), true)
	fmt.Print(r.trace)
	for _, rule := range r.broken {
		t.Error(rule)
	}
}

// The same seed is the same run, byte for byte.
func TestSeedReproduces(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		one, two := simulate(t, seed, nil, true), simulate(t, seed, nil, true)
		if one.trace != two.trace || one.hash != two.hash {
			t.Fatalf("seed %d gave two traces", seed)
		}
	}
}

// once are seeds that have failed, for a mistake in the product or in the model. What a seed is about changes with the
// model; what was wrong in the product has a test of its own beside it.
var once = []uint64{
	33, 50, 77, 118, 202, 225, 252, 350, 409, 447, 470, 528, 533, 537, 569, 1149, 1516, 2112, 3797, 4921, 5054, 5451, 15449, 22095, 405192, 408462, 408931, 504181, 604915, 801143,
	900451, 900483, 900486, 901216, 901632, 901748,
}

func TestSeedsThatOnceFailed(t *testing.T) {
	for _, seed := range once {
		for _, rule := range simulate(t, seed, nil, false).broken {
			t.Errorf("seed %d: %s", seed, rule)
		}
	}
}

// TestSeeds runs many seeds, on all processors.
func TestSeeds(t *testing.T) {
	if *seed != 0 {
		t.Skip("one seed only")
	}
	var mu sync.Mutex
	var next atomic.Uint64
	faults, outcomes := map[string]int{}, map[string]int{}
	failing := map[uint64]result{}
	began := time.Now()
	ran := 0
	t.Run("on all processors", func(t *testing.T) {
		for processor := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(processor), func(t *testing.T) {
				t.Parallel()
				for n := next.Add(1); n <= uint64(*seeds); n = next.Add(1) {
					r := simulate(t, *first+n-1, leftOut(), false)
					mu.Lock()
					ran++
					add(faults, r.faults)
					add(outcomes, r.outcomes)
					if len(r.broken) > 0 {
						failing[*first+n-1] = r
					}
					stop := len(failing) >= *enough
					mu.Unlock()
					if stop {
						return
					}
				}
			})
		}
	})
	took := time.Since(began)
	t.Logf("%d seeds in %s: %.0f a minute\nfaults: %s\noutcomes: %s", ran, took.Round(time.Millisecond), float64(ran)/took.Minutes(), table(faults), table(outcomes))
	report(t, failing)
}

// report tells how to run a failing seed again, with as few kinds of faults as still make it fail.
func report(t *testing.T, failing map[uint64]result) {
	for i, seed := range slices.Sorted(maps.Keys(failing)) {
		t.Errorf("seed %d: %s", seed, failing[seed].broken[0])
		if i > 0 {
			continue
		}
		out := leftOut()
		r := failing[seed]
		for _, kind := range kinds {
			out[kind] = true
			if next := simulate(t, seed, out, false); len(next.broken) > 0 {
				r = next
			} else {
				delete(out, kind)
			}
		}
		r = simulate(t, seed, out, true)
		lines := strings.Split(strings.TrimSpace(r.trace), "\n")
		t.Errorf("the end of its trace, with as few kinds of faults as possible:\n%s", strings.Join(lines[max(0, len(lines)-60):], "\n"))
		delete(out, "")
		t.Errorf("run it again:\n\tgo test ./cutover/sim -run 'TestSeed$' -seed %d -without %q", seed, strings.Join(slices.Sorted(maps.Keys(out)), ","))
	}
}

func add(to, from map[string]int) {
	for key, n := range from {
		to[key] += n
	}
}

func table(counts map[string]int) string {
	var cells []string
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		cells = append(cells, fmt.Sprintf("%s %d", key, counts[key]))
	}
	return strings.Join(cells, ", ")
}
