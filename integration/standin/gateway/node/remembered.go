package node

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
)

// remembered is what a node keeps in its configuration folder, so that a restart
// on the same file system finds it: text by kind and name.
type remembered struct {
	path string
	logf func(string, ...any)
	mu   sync.Mutex
}

func newRemembered(cfg Config) *remembered {
	return &remembered{path: filepath.Join(cfg.Home, "config", "standin-state.json"), logf: cfg.Logf}
}

func (m *remembered) get(kind, name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.read()[kind][name]
}

// set keeps value; an empty one is forgotten.
func (m *remembered) set(kind, name, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.read()
	if all[kind] == nil {
		all[kind] = map[string]string{}
	}
	all[kind][name] = value
	if value == "" {
		delete(all[kind], name)
	}
	raw, err := json.Marshal(all)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(m.path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(m.path, raw, 0o600)
	}
	if err != nil {
		m.logf("remember %s %s: %v", kind, name, err)
	}
}

func (m *remembered) read() map[string]map[string]string {
	all := map[string]map[string]string{}
	if raw, err := os.ReadFile(m.path); err == nil {
		_ = json.Unmarshal(raw, &all) // a broken file remembers nothing
	}
	return all
}
