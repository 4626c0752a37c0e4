package node

import (
	"os"
	"path/filepath"
	"sync"
)

// packages are the folders below packages/ that have a manifest.v3, as an
// Integration Server finds them when it starts. Quiescing disables all but
// WmRoot and WmPublic; besides, each can be disabled and enabled by itself.
type packages struct {
	folder string
	faults Faults
	mu     sync.Mutex
	all    bool            // disabled by quiescing
	off    map[string]bool // disabled by name; lost with a restart
}

func newPackages(cfg Config) *packages {
	return &packages{folder: filepath.Join(cfg.Home, "packages"), faults: cfg.Faults, off: map[string]bool{}}
}

// disableAll is what quiescing does to packages, and enableAll its end.
func (p *packages) disableAll() { p.setAll(true) }
func (p *packages) enableAll()  { p.setAll(false) }

func (p *packages) setAll(off bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = off
}

// quiesced tells whether quiescing has disabled the packages.
func (p *packages) quiesced() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all
}

// enabled does not look whether the package is there.
func (p *packages) enabled(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.off[name] && (!p.all || name == "WmRoot" || name == "WmPublic")
}

func (p *packages) exists(name string) bool {
	if name == "" || name != filepath.Base(name) {
		return false
	}
	info, err := os.Stat(filepath.Join(p.folder, name, "manifest.v3"))
	return err == nil && info.Mode().IsRegular()
}

func (p *packages) list(map[string]string) map[string]any {
	found := []map[string]string{}
	entries, _ := os.ReadDir(p.folder) // no folder: no packages
	for _, e := range entries {
		if p.exists(e.Name()) {
			found = append(found, map[string]string{"name": e.Name(), "enabled": yes(p.enabled(e.Name()))})
		}
	}
	return map[string]any{"packages": found}
}

// info answers packageInfo: loadok and loaderr are counts, as strings.
func (p *packages) info(in map[string]string) map[string]any {
	name := in["package"]
	if !p.exists(name) {
		return map[string]any{"package": name, "message": "no such package"}
	}
	out := map[string]any{"package": name, "loadok": "1", "loaderr": "0", "loadwarning": "0"}
	if broken, on := p.faults.arg(PackageBroken); on && broken == name {
		out["loadok"], out["loaderr"] = "0", "1"
	}
	return out
}

func (p *packages) status(in map[string]string) map[string]any {
	name := in["package"]
	exists := p.exists(name)
	return map[string]any{"package": name, "exists": yes(exists), "enabled": yes(exists && p.enabled(name))}
}

// disable and enable answer packageDisable and packageEnable.
func (p *packages) disable(in map[string]string) map[string]any { return p.set(in["package"], true) }

func (p *packages) enable(in map[string]string) map[string]any { return p.set(in["package"], false) }

func (p *packages) set(name string, off bool) map[string]any {
	if !p.exists(name) {
		return map[string]any{"package": name, "message": "no such package"}
	}
	if off && name == "WmRoot" {
		return map[string]any{"package": name, "message": "WmRoot cannot be disabled"}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off[name] = off
	message := "Package " + name + " is enabled"
	if off {
		message = "Package " + name + " is disabled"
	}
	return map[string]any{"package": name, "message": message}
}
