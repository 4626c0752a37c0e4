package node

import (
	"os"
	"path/filepath"
)

// packages are the folders below packages/ that have a manifest.v3, as an
// Integration Server finds them when it starts.
type packages struct {
	folder string
	faults Faults
}

func newPackages(cfg Config) *packages {
	return &packages{folder: filepath.Join(cfg.Home, "packages"), faults: cfg.Faults}
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
			found = append(found, map[string]string{"name": e.Name(), "enabled": "true"})
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
	exists := p.exists(in["package"])
	return map[string]any{"package": in["package"], "exists": yes(exists), "enabled": yes(exists)}
}
