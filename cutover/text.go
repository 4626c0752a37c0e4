package cutover

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// String is the plan as a person reads it: one line per step, numbered from 1, in the order they happen.
func (p Plan) String() string {
	var out strings.Builder
	if p.Empty() {
		fmt.Fprintf(&out, "%s: nothing to do: all %d containers run %s already\n", p.Spec.Service, len(p.World.Nodes), p.Spec.Image.Ref)
		return out.String()
	}
	s := p.Spec
	fmt.Fprintf(&out, "%s, rollout %s: %d of %d containers to %s (%s)\n", p.Spec.Service, p.Spec.Rollout,
		len(p.Pairs), len(p.World.Nodes), p.Spec.Image.Ref, shortID(p.Spec.Image.ID))
	fmt.Fprintf(&out, "%s: at least %d serve, at most %d extra containers, start %d, shift %d at a time\n\n",
		s.Strategy.Kind, s.Strategy.MinServing, s.Strategy.MaxSurge, s.Strategy.Start, s.Strategy.Shift)
	out.WriteString(p.Rows())
	if len(s.Notes) > 0 {
		out.WriteString("\n")
	}
	for _, note := range s.Notes {
		fmt.Fprintf(&out, "note: %s\n", note)
	}
	return out.String()
}

// Rows are the steps of the plan, one line each.
func (p Plan) Rows() string {
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for i, step := range p.Steps {
		fmt.Fprintf(table, "%*d %s\n", len(fmt.Sprint(len(p.Steps))), i+1, step.row())
	}
	table.Flush() //nolint:errcheck // a strings.Builder does not fail
	return trimLines(out.String())
}

// String is the step on one line, as it stands in the plan.
func (s Step) String() string {
	return fmt.Sprintf("%s %s %s: %s", s.Kind, s.TargetNames(), s.move(), s.Cause)
}

func (s Step) move() string {
	if s.Watches() {
		return fmt.Sprintf("stays %s", s.To)
	}
	return fmt.Sprintf("%s -> %s", s.From, s.To)
}

func (s Step) row() string {
	cells := []string{string(s.Kind), s.TargetNames(), string(s.From), "-> " + string(s.To), s.Cause}
	if s.Watches() {
		cells[3] = "stays"
	}
	var notes []string
	if s.Hold > 0 {
		notes = append(notes, "hold "+short(s.Hold))
	}
	if s.Kind == Member && s.From == Serving && s.To == Drained {
		note := "timeout " + short(s.Timeout)
		if s.mayCut() {
			note += ", then cut"
		}
		notes = append(notes, note)
	}
	if s.OneWay {
		notes = append(notes, "one-way")
	}
	return strings.Join(append(cells, strings.Join(notes, ", ")), "\t")
}

// TargetNames names the targets briefly: all of them where that is short, else the first and a count.
func (s Step) TargetNames() string {
	if all := strings.Join(s.Targets, ", "); len(s.Targets) < 2 || len(all) <= 50 {
		return all
	}
	return fmt.Sprintf("%s and %d more", s.Targets[0], len(s.Targets)-1)
}

func shortID(id string) string {
	algorithm, hex, found := strings.Cut(id, ":")
	if !found || len(hex) <= 12 {
		return id
	}
	return algorithm + ":" + hex[:12]
}

func trimLines(text string) string {
	lines := slices.Collect(strings.Lines(text))
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \n") + "\n"
	}
	return strings.Join(lines, "")
}

// short is a duration without the zero units that time.Duration prints: 5m, not 5m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
