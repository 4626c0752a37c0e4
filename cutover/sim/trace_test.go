package sim_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"
)

// trace is everything that happened, as text; without verbose only its hash is kept.
type trace struct {
	verbose bool
	text    *strings.Builder
	sum     hash.Hash
}

func newTrace(verbose bool) trace {
	return trace{verbose: verbose, text: &strings.Builder{}, sum: sha256.New()}
}

func (t *trace) add(at time.Duration, format string, args ...any) {
	line := fmt.Sprintf("%12.6f  "+format+"\n", append([]any{at.Seconds()}, args...)...)
	io.WriteString(t.sum, line)
	if t.verbose {
		t.text.WriteString(line)
	}
}

func (t *trace) hash() string { return hex.EncodeToString(t.sum.Sum(nil)) }
