package haproxy

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/cutover/cutover/lb"
)

// plainName is what HAProxy allows in the names of proxies and servers; nothing else is put into a command.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_:.-]+$`)

// Hold implements lb.Balancer with `set server B/S state maint|ready`. In the running worker that takes effect at once:
// requests in flight go on, the next ones of idle clients go elsewhere. An old worker refuses it ("Proxy is disabled",
// seen on 2.6.12), so it has to come before the reload; it is tried all the same.
func (b *Balancer) Hold(ctx context.Context, at []netip.AddrPort, on bool) (string, error) {
	if b.cfg.FollowsRuntime {
		return "", nil // MAINT is the registry's word there
	}
	if b.page != nil {
		_, err := b.workers(ctx)
		return "can't hold it at runtime: a stats page only shows", b.wrap("hold servers of", err)
	}
	doing, state := "hold servers of", "maint"
	if !on {
		doing, state = "release servers of", "ready"
	}
	var notes []string
	for range attempts { // a reload in between brings a new worker, which is seen on the next round
		workers, err := b.workers(ctx)
		if err != nil {
			return "", b.wrap(doing, err)
		}
		var accepted int
		if accepted, notes, err = b.setAll(ctx, workers, at, on, state); err != nil {
			return "", b.wrap(doing, err)
		}
		if accepted == 0 {
			break
		}
	}
	return strings.Join(notes, "; "), nil
}

// setAll changes the servers at these endpoints that are not as wanted, and counts those that HAProxy accepted.
func (b *Balancer) setAll(ctx context.Context, workers []worker, at []netip.AddrPort, on bool, state string) (int, []string, error) {
	accepted := 0
	var notes []string
	for _, w := range workers {
		for _, r := range w.rows {
			now := status(r.Status)
			switch {
			case !r.server() || !slices.Contains(at, r.Address), b.cfg.Backend != "" && r.Proxy != b.cfg.Backend:
			case on && (now == lb.Maint || now == lb.Unresolved), !on && (now != lb.Maint || w.Old):
			default:
				note, err := b.setState(ctx, w.process, r, state)
				if err != nil {
					return 0, nil, err
				}
				if note == "" {
					accepted++
				} else if !slices.Contains(notes, note) {
					notes = append(notes, note)
				}
			}
		}
	}
	return accepted, notes, nil
}

// setState changes one server in one worker. What HAProxy answers, if anything, is why it did not.
func (b *Balancer) setState(ctx context.Context, p process, r row, state string) (string, error) {
	if !plainName.MatchString(r.Proxy) || !plainName.MatchString(r.Name) {
		return fmt.Sprintf("server %q/%q has no plain name", short(r.Proxy), short(r.Name)), nil
	}
	command := fmt.Sprintf("set server %s/%s state %s", r.Proxy, r.Name, state)
	answer, err := b.master.ask(ctx, fmt.Sprintf("@!%d %s", p.PID, command))
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(answer, "Permission denied") {
		return refusal(p, answer), nil
	}
	if b.stats != (socket{}) && !p.Old {
		if answer, err = b.stats.ask(ctx, command); err != nil {
			return "", err
		}
	}
	return refusal(p, answer), nil
}

func refusal(p process, answer string) string {
	text := short(answer)
	switch {
	case text == "":
		return ""
	case strings.HasPrefix(text, "Permission denied"):
		return "can't hold it at runtime: neither socket has level admin"
	case p.Old:
		return fmt.Sprintf("old worker %d can't be told any more", p.PID)
	}
	return "HAProxy refuses to hold it: " + text
}
