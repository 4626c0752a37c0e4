package report

import (
	"github.com/rs/zerolog"

	"github.com/cutover/cutover/cutover"
)

// Log writes events as structured log lines.
type Log struct {
	Logger zerolog.Logger
}

// Emit takes one event. Looks are logged at trace level, requests at debug level.
func (l Log) Emit(e cutover.Event) {
	level := zerolog.InfoLevel
	switch e.Type {
	case cutover.EventProgress:
		level = zerolog.TraceLevel
	case cutover.EventAsked, cutover.EventStep, cutover.EventArrived:
		level = zerolog.DebugLevel
	case cutover.EventWarning, cutover.EventTurn:
		level = zerolog.WarnLevel
	}
	if l.Logger.GetLevel() > level {
		return
	}
	l.Logger.WithLevel(level).Str("event", string(e.Type)).Str("direction", string(e.Direction)).
		Int("n", e.Number).Int("of", e.Of).Str("target", e.Target).Err(e.Err).
		Func(func(line *zerolog.Event) {
			if e.Step.Kind != "" {
				line.Str("kind", string(e.Step.Kind)).Strs("targets", e.Step.Targets).Str("from", string(e.Step.From)).Str("to", string(e.Step.To))
			}
			for _, seen := range e.Seen {
				line.Str("seen", seen.String())
			}
		}).Msg(e.Detail)
}
