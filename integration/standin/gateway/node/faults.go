package node

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

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
		if choices := Table[i].Choices; len(choices) > 0 && !slices.Contains(choices, arg) {
			return nil, fmt.Errorf("fault %s is one of %s, not %q", name, strings.Join(choices, ", "), arg)
		}
		on[name] = arg
	}
	return on, nil
}
