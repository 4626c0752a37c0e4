package haproxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/cutover/cutover/lb"
)

// errMoved says that workers came or went while they were being looked into.
var errMoved = errors.New("it reloaded while it was being looked into")

// attempts bounds how often one call starts over when workers come and go; the runner asks again anyway. Others than were
// listed last are an attempt of their own.
const attempts = 4

// worker is one process with everything it said.
type worker struct {
	process
	rows []row
}

// Look implements lb.Balancer.
func (b *Balancer) Look(ctx context.Context, at []netip.AddrPort) (lb.View, error) {
	workers, err := b.workers(ctx)
	if err != nil {
		return lb.View{}, b.wrap("look into", err)
	}
	// A slot that is given to another address takes its requests in flight along: they are counted for that one.
	view := lb.View{Runtime: b.cfg.FollowsRuntime, Uncounted: b.cfg.FollowsRuntime || b.cfg.Backend != ""} // other backends may lead there too
	if b.page != nil {
		view.Partial, view.Settle = pageOnly, b.cfg.Settle
	}
	for _, w := range workers {
		seen, err := b.see(w, at)
		if err != nil {
			return lb.View{}, b.wrap("look into", err)
		}
		view.Workers = append(view.Workers, seen)
	}
	return view, nil
}

// see picks what belongs to the endpoints out of a worker's rows.
func (b *Balancer) see(w worker, at []netip.AddrPort) (lb.Worker, error) {
	seen := lb.Worker{ID: strconv.Itoa(w.PID), Old: w.Old, Backends: map[string]int{}}
	servers, addresses, backend := 0, 0, b.cfg.Backend == ""
	for _, r := range w.rows {
		if r.Name == "FRONTEND" {
			seen.Clients += r.Sessions
		}
		if r.Name == "BACKEND" {
			seen.Backends[r.Proxy] += r.Sessions
		}
		backend = backend || r.Proxy == b.cfg.Backend
		if !r.server() || (b.cfg.Backend != "" && r.Proxy != b.cfg.Backend) {
			continue
		}
		servers++
		if r.HasAddress {
			addresses++
		}
		if slices.Contains(at, r.Address) {
			seen.Servers = append(seen.Servers, lb.Server{
				Endpoint: r.Address, Name: r.Proxy + "/" + r.Name,
				Status: status(r.Status), Weight: r.Weight, Sessions: r.Sessions, Queue: r.Queue,
			})
		} else if !r.Address.IsValid() && status(r.Status) == lb.Unresolved {
			seen.Hidden += r.Sessions + r.Queue // resolution has cleared its address, so it may have been ours
		}
	}
	switch {
	case !w.Old && !backend:
		return seen, fmt.Errorf("there is no backend %s: check load_balancers[].backend", b.cfg.Backend)
	case servers > 0 && addresses == 0 && b.page != nil:
		return seen, errors.New("its stats page shows no server's address: add `stats show-legends` beside `stats enable`")
	case servers > 0 && addresses == 0:
		return seen, fmt.Errorf("it shows no server's address on %s: give the socket `level operator` or `level admin`", b.master)
	}
	return seen, nil
}

// workers reads every worker, starting over when they come and go meanwhile.
func (b *Balancer) workers(ctx context.Context) ([]worker, error) {
	if b.page != nil {
		rows, err := b.page.rows(ctx)
		return []worker{{rows: rows}}, err
	}
	if b.master == (socket{}) {
		return nil, errors.New("it has no master socket, so old workers can't be looked into: start it with -W -S and set " +
			"load_balancers[].master")
	}
	var workers []worker
	var err error
	for range attempts {
		if workers, err = b.once(ctx); !errors.Is(err, errMoved) {
			break
		}
	}
	return workers, err
}

// once reads every worker on one connection: the list of workers, what each of those that were listed last says, and the
// list again. It is a view of one moment only when both lists name these very workers.
func (b *Balancer) once(ctx context.Context) ([]worker, error) {
	listed := b.listed.Load()
	if listed == nil {
		listed = &[]process{}
	}
	line := "show proc"
	for _, p := range *listed {
		line += fmt.Sprintf(";@!%d show stat -1 7 -1;@!%d show info", p.PID, p.PID)
	}
	if len(*listed) > 0 {
		line += ";show proc"
	}
	answer, err := b.master.ask(ctx, line)
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(answer, "\n\n")
	before, err := parseProc(first)
	if err != nil {
		b.listed.Store(nil)
		return nil, err
	}
	b.listed.Store(&before)
	if !slices.Equal(*listed, before) {
		return nil, fmt.Errorf("%w: workers were %v, now %v", errMoved, *listed, before)
	}
	parts, err := blocks(answer, 2*len(before)+2)
	if err != nil {
		return nil, err
	}
	after, err := parseProc(parts[len(parts)-1])
	if err != nil {
		return nil, err
	}
	if !slices.Equal(before, after) {
		return nil, fmt.Errorf("%w: workers were %v, now %v", errMoved, before, after)
	}
	var found []worker
	for i, p := range before {
		w, err := readWorker(p, parts[2*i+1], parts[2*i+2])
		if err != nil {
			return nil, err
		}
		found = append(found, w)
	}
	return found, nil
}

func readWorker(p process, stat, info string) (worker, error) {
	if strings.HasPrefix(stat, "Unknown command") { // the master's own answer: the worker has ended, and is still listed
		return worker{}, fmt.Errorf("%w: worker %d has ended", errMoved, p.PID)
	}
	rows, err := parseStat(stat)
	if err != nil {
		return worker{}, fmt.Errorf("worker %d: %w", p.PID, err)
	}
	if pid := field(info, "Pid"); p.PID != 0 && pid != strconv.Itoa(p.PID) {
		return worker{}, fmt.Errorf("%w: worker %d answered as %q", errMoved, p.PID, short(pid))
	}
	return worker{process: p, rows: rows}, nil
}

// answers reads the worker behind the stats socket, to see that it is one.
func (b *Balancer) answers(ctx context.Context) error {
	answer, err := b.stats.ask(ctx, "show stat -1 7 -1;show info")
	if err != nil {
		return err
	}
	parts, err := blocks(answer, 2)
	if err != nil {
		return err
	}
	if field(parts[1], "Pid") == "" {
		return fmt.Errorf("answer of %s is not `show info`: %q", b.stats, short(parts[1]))
	}
	_, err = parseStat(parts[0])
	return err
}
