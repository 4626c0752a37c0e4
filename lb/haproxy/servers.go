package haproxy

import (
	"context"
	"fmt"

	"github.com/cutover/cutover/lb"
)

// Servers implements lb.Lister: those of the running workers, in the configured backend if there is one.
func (b *Balancer) Servers(ctx context.Context) ([]lb.Server, error) {
	workers, err := b.workers(ctx)
	if err != nil {
		return nil, b.wrap("look into", err)
	}
	var all []lb.Server
	for _, w := range workers {
		if w.Old {
			continue
		}
		for _, r := range w.rows {
			if r.server() && r.Address.IsValid() && (b.cfg.Backend == "" || r.Proxy == b.cfg.Backend) {
				all = append(all, lb.Server{Endpoint: r.Address, Name: r.Proxy + "/" + r.Name, Status: status(r.Status), Weight: r.Weight})
			}
		}
	}
	return all, nil
}

// Remarks tells what its sockets say that stands in nobody's way: it changes nothing.
func (b *Balancer) Remarks(ctx context.Context) ([]string, error) {
	if b.page != nil {
		return []string{b.cfg.Name + ": " + pageOnly + ": a drain waits until the members' own sockets are empty"}, nil
	}
	if b.master == (socket{}) {
		return nil, nil
	}
	proc, err := b.master.ask(ctx, "show proc")
	if err != nil {
		return nil, b.wrap("look into", err)
	}
	m, err := parseMaster(proc)
	if err != nil {
		return nil, b.wrap("look into", err)
	}
	var all []string
	if m.failed {
		all = append(all, b.cfg.Name+": its last reload failed, so that it runs what it ran before and not what its files say: see its log")
	}
	for _, p := range m.workers {
		if p.Old || b.cfg.FollowsRuntime {
			continue
		}
		may, err := b.mayHold(ctx, p)
		if err != nil {
			return all, b.wrap("look into", err)
		}
		if !may {
			all = append(all, b.cfg.Name+": no socket has level admin, so that a server can't be held before a reload, and a drain waits for "+
				"every idle client of the old worker: -S …,level,admin, or `stats socket … level admin`")
		}
	}
	return all, nil
}

// Version is what its master says that it is, or empty where it has none.
func (b *Balancer) Version(ctx context.Context) (string, error) {
	if b.master == (socket{}) {
		return "", nil
	}
	proc, err := b.master.ask(ctx, "show proc")
	if err != nil {
		return "", b.wrap("look into", err)
	}
	m, err := parseMaster(proc)
	return m.version, b.wrap("look into", err)
}

// mayHold reports whether either socket has the level for it.
func (b *Balancer) mayHold(ctx context.Context, p process) (bool, error) {
	answer, err := b.master.ask(ctx, fmt.Sprintf("@!%d show cli level", p.PID))
	if err == nil && short(answer) != "admin" && b.stats != (socket{}) {
		answer, err = b.stats.ask(ctx, "show cli level")
	}
	return short(answer) == "admin", err
}
