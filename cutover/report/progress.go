package report

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/cutover/cutover/cutover"
)

// Progress writes how a run goes for people: one line per step, and on a terminal, while the step lasts, what is
// observed now, what is waited for and how much time is left.
type Progress struct {
	Out   io.Writer
	Width int // of the terminal; 0: plain lines only

	began time.Time
	drawn bool      // the current line is a progress line
	last  time.Time // when it was drawn

	failed map[string]string // by target, the error of the last request that was told
	told   map[string]int    // by target, how many of the lines that are well have been told
}

// Emit takes one event. It is called from the runner's goroutine.
func (p *Progress) Emit(e cutover.Event) {
	switch e.Type {
	case cutover.EventStep:
		p.began, p.failed, p.told = e.At, map[string]string{}, map[string]int{}
		if p.Width == 0 {
			p.line("%s %s ...", p.number(e), stepText(e.Step))
		}
	case cutover.EventAsked:
		if e.Err != nil && !cutover.IsNotYet(e.Err) && p.failed[e.Target] != e.Err.Error() { // it is asked again, many times
			p.failed[e.Target] = e.Err.Error()
			p.line("%s asking %s failed: %v", p.number(e), e.Target, e.Err)
		}
	case cutover.EventProgress:
		p.gates(e)
		if p.Width > 0 && (!p.drawn || e.At.Sub(p.last) >= 100*time.Millisecond) {
			p.last = e.At
			p.draw(fmt.Sprintf("%s %s | %s", p.number(e), stepText(e.Step), now(e)))
		}
	case cutover.EventArrived:
		p.line("%s %s  done in %s", p.number(e), stepText(e.Step), e.At.Sub(p.began).Round(10*time.Millisecond))
	case cutover.EventWarning:
		p.line("warning: %s", e.Detail)
	case cutover.EventTurn:
		p.line("GOING BACK: %s", e.Detail)
	case cutover.EventNotice:
		p.line("note: %s", e.Detail)
	}
}

func (p *Progress) number(e cutover.Event) string {
	digits := len(fmt.Sprint(e.Of))
	sign := " "
	if e.Direction == cutover.Back {
		sign = "<"
	}
	return fmt.Sprintf("%s%*d/%d", sign, digits, e.Number, e.Of)
}

// gates writes a line of its own for everything that is well of a container that becomes healthy, once.
func (p *Progress) gates(e cutover.Event) {
	if e.Step.Kind != cutover.Container || e.Step.To != cutover.Healthy {
		return
	}
	for _, seen := range e.Seen {
		well := strings.Split(seen.Detail, "\n")
		if seen.State != e.Step.To || len(well) == 1 {
			well = well[:len(well)-1]
		}
		for _, line := range well[min(p.told[seen.Target], len(well)):] {
			p.line("%s %s: %s", p.number(e), seen.Target, line)
		}
		p.told[seen.Target] = max(p.told[seen.Target], len(well))
	}
}

func stepText(step cutover.Step) string {
	if step.Watches() {
		return fmt.Sprintf("%s %s stays %s", step.Kind, step.TargetNames(), step.To)
	}
	return fmt.Sprintf("%s %s %s -> %s", step.Kind, step.TargetNames(), step.From, step.To)
}

// now says what is observed, what is waited for and how long it may still take.
func now(e cutover.Event) string {
	left := e.Deadline.Sub(e.At).Round(time.Second)
	if !e.HeldSince.IsZero() {
		return fmt.Sprintf("holds for %s of %s", e.At.Sub(e.HeldSince).Round(time.Second), e.Step.Hold)
	}
	var parts []string
	for _, seen := range e.Seen {
		if seen.Err != nil || seen.State != e.Step.To {
			parts = append(parts, seen.String())
		}
	}
	return fmt.Sprintf("%s left | %s", left, strings.Join(parts, "; "))
}

// draw replaces the progress line.
func (p *Progress) draw(text string) {
	if runes := []rune(text); len(runes) >= p.Width {
		text = string(runes[:p.Width-1])
	}
	fmt.Fprintf(p.Out, "\r\x1b[K%s", oneLine(text))
	p.drawn = true
}

// line writes a line that stays.
func (p *Progress) line(format string, args ...any) {
	if p.drawn {
		fmt.Fprint(p.Out, "\r\x1b[K")
		p.drawn = false
	}
	fmt.Fprintln(p.Out, oneLine(fmt.Sprintf(format, args...)))
}

// oneLine is a text without ends of lines, and without what Printable takes out.
func oneLine(text string) string {
	return strings.ReplaceAll(Printable(text), "\n", " ")
}

// Printable keeps what somebody else has named or answered from writing to the terminal anything but lines of text.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
