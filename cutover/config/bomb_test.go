package config

import (
	"strings"
	"testing"
	"time"
)

// Input that is made to exhaust a parser is refused, in no time, with an error that names the file.
func TestBombsAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"deep lists":       strings.Repeat("[", 100_000),
		"deep items":       strings.Repeat("- ", 60_000),
		"deep maps":        strings.Repeat("{a: ", 25_000),
		"deep indentation": deep(600),
		"aliases":          "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nservice: *c",
		"a long line":      "service: " + strings.Repeat("x", 120_000),
		"many keys":        strings.Repeat("k: v\n", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := parse("cutover.yaml", "/", []byte(text))
			if err == nil || !strings.HasPrefix(err.Error(), "cutover.yaml") {
				t.Errorf("got %.200v", err)
			}
			t.Logf("%.120v after %s", err, time.Since(began))
		})
	}
}

func deep(levels int) string {
	var text strings.Builder
	for i := range levels {
		text.WriteString(strings.Repeat(" ", i%400) + "a:\n")
	}
	return text.String()
}
