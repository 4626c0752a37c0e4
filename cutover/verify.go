package cutover

import (
	"errors"
	"fmt"
)

// Verify simulates every prefix of the plan, and the way back from each, on the world as it is seen now. It is pure.
// What must hold at every moment: enough members serve; a serving member has a healthy container and a workload
// that is not quiesced; a container leaves healthy only when its member is out and its workload, if it has served,
// quiesced; no more containers run than the
// surge allows; steps move along their ladder one rung at a time; after a one-way step come one-way steps only;
// and the way back ends where its batch began. An error is a bug in the planner, or a plan made for another world.
func (p Plan) Verify(seen World) error {
	if err := p.sameWorld(seen); err != nil {
		return err
	}
	now := newFleet(p, seen)
	if err := now.holds(); err != nil {
		return fmt.Errorf("verify: before the first step: %w", err)
	}
	for start := 0; start < len(p.Steps); {
		end := start + 1
		for end < len(p.Steps) && p.Steps[end].Batch == p.Steps[start].Batch {
			end++
		}
		if err := p.verifyBatch(now, start, end); err != nil {
			return err
		}
		start = end
	}
	return nil
}

// verifyBatch goes forward through the steps of one batch, and back to its beginning from each of them. By
// induction over the batches every way back leads to the fleet as it was seen.
func (p Plan) verifyBatch(now *fleet, start, end int) error {
	targets := targetsOf(p.Steps[start:end])
	begin := now.part(targets)
	for i := start; i < end; i++ {
		unmoved := now.part(targets)
		if err := now.move(p.Steps[i], false); err != nil {
			return fmt.Errorf("verify: step %d (%s): %w", i+1, p.Steps[i], err)
		}
		if !p.CanGoBack(i) {
			continue
		}
		moved := now.part(targets)
		back := p.backOfBatch(p.Steps[start : i+1])
		for _, from := range []part{moved, unmoved} {
			now.become(from)
			if err := now.goBack(back, begin); err != nil {
				return fmt.Errorf("verify: going back from step %d (%s): %w", i+1, p.Steps[i], err)
			}
		}
		now.become(moved)
	}
	return nil
}

// goBack makes the steps of a way back, which must end where the batch began.
func (f *fleet) goBack(steps []Step, begin part) error {
	for _, step := range steps {
		if err := f.move(step, true); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
	}
	for name, want := range begin {
		if got := f.status[name]; got != want {
			return fmt.Errorf("%s ends as %s, it was %s", name, got, want)
		}
	}
	return nil
}

// sameWorld refuses a plan when the fleet is no longer the one it was made for.
func (p Plan) sameWorld(seen World) error {
	if len(seen.Nodes) != len(p.World.Nodes) {
		return fmt.Errorf("verify: the plan was made for %d containers, now there are %d: plan again", len(p.World.Nodes), len(seen.Nodes))
	}
	var moved []error
	for i, was := range p.World.Nodes {
		is := seen.Nodes[i]
		if was.Name != is.Name || was.ID != is.ID || was.Image.ID != is.Image.ID || !was.StartedAt.Equal(is.StartedAt) ||
			was.Container != is.Container || was.Member != is.Member || was.Workload != is.Workload {
			moved = append(moved, fmt.Errorf("verify: %s is not what it was when the plan was made (now %s: %s, %s, %s): plan again",
				was.Name, is.Name, is.Container, is.Member, is.Workload))
		}
	}
	return errors.Join(moved...)
}

// targetsOf are the containers that some steps move.
func targetsOf(steps []Step) []string {
	var names []string
	known := map[string]bool{}
	add := func(name string) {
		if name != "" && !known[name] {
			known[name] = true
			names = append(names, name)
		}
	}
	for _, step := range steps {
		if step.Watches() {
			continue // it moves nothing
		}
		for _, name := range step.Targets {
			add(name)
		}
	}
	return names
}
