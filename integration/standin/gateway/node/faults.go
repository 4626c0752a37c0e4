package node

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is one way in which a node misbehaves on purpose.
type Fault struct {
	Name string
	Arg  string // what follows "=": empty, "duration" or "package"
	Does string
}

// The faults. A new one is a row here and one question at the place it changes.
const (
	NeverReady            = "never-ready"
	EngineRed             = "engine-red"
	UnhealthyAfter        = "unhealthy-after"
	CrashAtStart          = "crash-at-start"
	StartQuiesced         = "start-quiesced"
	Standalone            = "standalone"
	PackageBroken         = "package-broken"
	WrongPassword         = "wrong-password"
	DesigntimeBlocksPorts = "designtime-blocks-ports"
	QuiesceRefused        = "quiesce-500"
	QuiesceHangs          = "quiesce-hangs"
	FlushFails            = "flush-fails"
	CrashInFlush          = "crash-in-flush"
	SigtermIgnored        = "sigterm-ignored"
)

// Table lists every fault with what it does.
var Table = []Fault{
	{NeverReady, "", "`/rest/apigateway/health` answers 500 for ever"},
	{EngineRed, "", "`/health` is 200 but `/health/engine` stays red (500)"},
	{UnhealthyAfter, "duration", "healthy at first, then `/health` and `/health/engine` answer 500"},
	{CrashAtStart, "", "the process exits with code 1 at the end of its start-up"},
	{StartQuiesced, "", "comes up in quiesce mode (the vendor's start-up action `quiesce`): only the diagnostic port is open"},
	{Standalone, "", "comes up outside the cluster and healthy (the vendor's default start-up action `standalone`)"},
	{PackageBroken, "package", "that package reports a load error"},
	{WrongPassword, "", "every password is refused, as by a password that must be changed at first login"},
	{DesigntimeBlocksPorts, "", "`block: designtime` also answers 503 to changes of ports"},
	{QuiesceRefused, "", "`block: all` answers 500 for ever"},
	{QuiesceHangs, "", "`block: all` is accepted, the ports close, and it never completes"},
	{FlushFails, "", "`block: all` ends with status failure: the data store refuses the flush"},
	{CrashInFlush, "", "the process dies in the middle of `block: all`, before anything is flushed"},
	{SigtermIgnored, "", "SIGTERM does nothing"},
}

// Faults is a set of faults. It can change while the node runs, and is safe for
// concurrent use.
type Faults struct{ state *faultState }

type faultState struct {
	mu sync.Mutex
	on map[string]string
}

// ParseFaults reads "name,name=argument". An unknown name is an error.
func ParseFaults(text string) (Faults, error) {
	on, err := parseFaults(text)
	return Faults{&faultState{on: on}}, err
}

// Set replaces the whole set; an empty text ends all faults.
func (f Faults) Set(text string) error {
	on, err := parseFaults(text)
	if err != nil {
		return err
	}
	f.state.mu.Lock()
	defer f.state.mu.Unlock()
	f.state.on = on
	return nil
}

func (f Faults) has(name string) bool {
	_, on := f.arg(name)
	return on
}

func (f Faults) arg(name string) (string, bool) {
	if f.state == nil {
		return "", false
	}
	f.state.mu.Lock()
	defer f.state.mu.Unlock()
	arg, on := f.state.on[name]
	return arg, on
}

func parseFaults(text string) (map[string]string, error) {
	on := map[string]string{}
	for item := range strings.SplitSeq(text, ",") {
		name, arg, _ := strings.Cut(strings.TrimSpace(item), "=")
		if name == "" {
			continue
		}
		i := slices.IndexFunc(Table, func(f Fault) bool { return f.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("no fault is named %q", name)
		}
		if (Table[i].Arg != "") != (arg != "") {
			return nil, fmt.Errorf("fault %s takes %q after =, not %q", name, Table[i].Arg, arg)
		}
		if Table[i].Arg == "duration" {
			if _, err := time.ParseDuration(arg); err != nil {
				return nil, fmt.Errorf("fault %s: %w", name, err)
			}
		}
		on[name] = arg
	}
	return on, nil
}
