package config

import (
	"fmt"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Duration is a time.Duration that is written with its unit, such as 90s or 5m.
type Duration time.Duration

// Std is the same as a time.Duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// UnmarshalYAML refuses what is no duration, with its line.
func (d *Duration) UnmarshalYAML(node ast.Node) error {
	text := node.GetToken().Value
	value, err := time.ParseDuration(text)
	if err != nil || value < 0 {
		return badDuration{line: node.GetToken().Position.Line, text: text}
	}
	*d = Duration(value)
	return nil
}

type badDuration struct {
	line int
	text string
}

func (e badDuration) Error() string {
	return fmt.Sprintf("%q is not a duration such as 500ms, 90s or 5m", e.text)
}
