package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// progressLine is one line of a terminal that is drawn over again while something takes long. Where standard error is
// no terminal, nothing is written.
type progressLine struct {
	out   *os.File
	width int // 0: there is no terminal
	drawn time.Time
}

func newProgressLine(cmd *cobra.Command, o options) *progressLine {
	p := &progressLine{}
	if file, ok := cmd.ErrOrStderr().(*os.File); ok && !o.noColor && term.IsTerminal(int(file.Fd())) {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			p.out, p.width = file, width
		}
	}
	return p
}

// show draws the line, at most ten times a second.
func (p *progressLine) show(text string) {
	if p.width == 0 || time.Since(p.drawn) < 100*time.Millisecond {
		return
	}
	p.drawn = time.Now()
	if runes := []rune(text); len(runes) >= p.width {
		text = string(runes[:p.width-1])
	}
	fmt.Fprintf(p.out, "\r\x1b[K%s", text)
}

// clear takes the line away.
func (p *progressLine) clear() {
	if !p.drawn.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = time.Time{}
	}
}
