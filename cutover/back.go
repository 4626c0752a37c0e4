package cutover

// Back is the way back from a plan whose step at the given position (counted from 0) may be in flight: the same
// rungs backwards, that step included. Three things differ from a plain reversal:
//   - old containers of one batch are started again together, because starting is what takes minutes;
//   - steps that only watch have nothing to undo;
//   - a new container that may have served is quiesced before it is stopped, so that what it counted is not lost.
//     Where that fails the way back goes on, and says so: the fleet is worth more than the figures of a bad image.
//
// It is pure: the journal keeps the position, not the steps.
func (p Plan) Back(at int) []Step {
	var back []Step
	for end := min(at, len(p.Steps)-1); end >= 0; {
		start := end
		for start > 0 && p.Steps[start-1].Batch == p.Steps[end].Batch {
			start--
		}
		back = append(back, p.backOfBatch(p.Steps[start:end+1])...)
		end = start - 1
	}
	return back
}

// CanGoBack reports whether neither the step at that position nor any before it is one-way.
func (p Plan) CanGoBack(at int) bool {
	for i := 0; i <= at && i < len(p.Steps); i++ {
		if p.Steps[i].OneWay {
			return false
		}
	}
	return true
}

func (p Plan) backOfBatch(steps []Step) []Step {
	back := make([]Step, 0, len(steps))
	starts := -1 // position of the one step that starts old containers again
	served := false
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].Watches() {
			continue
		}
		undo := steps[i].undo()
		if undo.Kind == Container && undo.To == Healthy {
			if starts >= 0 {
				back[starts] = back[starts].with(undo.Targets)
				continue
			}
			starts = len(back)
		}
		back = append(back, undo)
		switch {
		case undo.Kind == Member && undo.From == Serving:
			served = true
		case undo.Kind == Member && undo.To == Out && served:
			back = append(back, p.flush(undo)...)
			served = false
		}
	}
	return back
}

// with is the same step for more targets; the step's own list is left alone.
func (s Step) with(targets []string) Step {
	s.Targets = append(s.Targets[:len(s.Targets):len(s.Targets)], targets...)
	return s
}

// flush quiesces new containers that have just been taken out.
func (p Plan) flush(out Step) []Step {
	var steps []Step
	for i := 1; i < len(p.Spec.Ladder); i++ {
		steps = append(steps, Step{
			Kind: Workload, Targets: out.Targets, From: p.Spec.Ladder[i-1], To: p.Spec.Ladder[i],
			Cause: p.Spec.Prepares, Batch: out.Batch, Timeout: p.Spec.Budgets.Quiesce, OnTimeout: Warn,
		})
	}
	return steps
}
