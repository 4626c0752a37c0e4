package lb

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Class is a kind of connections that last, such as WebSockets or raw TCP, with a budget of its own. They are known by
// the balancer's backend that they go through, or by the service that they use.
type Class struct {
	Name    string
	Backend string        // a pattern as of path.Match, or empty
	Service string        // or empty
	Budget  time.Duration // from when no balancer sends anything new
	Fail    bool          // what is left then makes the drain fail; else it is cut when the container stops
}

// overdue is what is left of classes whose budget is over.
type overdue struct {
	cut  []string // for people
	fail []string
	n    int // connections that are cut
}

func (o *overdue) add(c Class, where string, n int, goingBack bool) {
	text := fmt.Sprintf("%d %s (%s)", n, c.Name, where)
	if c.Fail && !goingBack { // a way back that fails has no way back
		o.fail = append(o.fail, fmt.Sprintf("%s after %s", text, c.Budget))
		return
	}
	o.cut, o.n = append(o.cut, text), o.n+n
}

func (o *overdue) warning() string {
	if o.n == 0 {
		return ""
	}
	return fmt.Sprintf("%d connections whose budget was over are cut when it stops: %s", o.n, strings.Join(o.cut, ", "))
}

// class finds the class of connections through a backend to a service, whose budget is over after this long.
func (m *Members) class(backend, serviceName string, after time.Duration) (Class, bool) {
	for _, c := range m.cfg.Classes {
		matches := (c.Service != "" && c.Service == serviceName) || (c.Backend != "" && matched(c.Backend, backend))
		if matches {
			return c, after >= c.Budget
		}
	}
	return Class{}, false
}

func matched(pattern, name string) bool {
	found, err := path.Match(pattern, name)
	return err == nil && found // a pattern that is none is refused by New
}

// excuse takes the sessions of classes whose budget is over out of a sighting, and tells what it took. Clients of an old
// worker whose connection is one of a class, to whatever server, make no more requests on it, so they are taken out
// from the beginning.
func (m *Members) excuse(seen sighting, after time.Duration) (sighting, overdue) {
	var left overdue
	seen.views = slices.Clone(seen.views)
	for i, v := range seen.views {
		v.view.Workers = slices.Clone(v.view.Workers)
		for j, w := range v.view.Workers {
			w.Servers = slices.Clone(w.Servers)
			for backend, n := range w.Backends {
				if c, _ := m.class(backend, "", 0); c.Name != "" {
					w.Clients = max(0, w.Clients-n)
				}
			}
			for k, s := range w.Servers {
				n := s.Sessions + s.Queue
				c, over := m.class(s.backend(), seen.serviceAt(s), after)
				if n == 0 || !over {
					continue
				}
				left.add(c, v.balancerName+" worker "+w.ID, n, m.goingBack())
				w.Servers[k].Sessions, w.Servers[k].Queue = 0, 0
			}
			v.view.Workers[j] = w
		}
		seen.views[i] = v
	}
	return seen, left
}

// backend is the part of a server's name before the slash.
func (s Server) backend() string {
	name, _, _ := strings.Cut(s.Name, "/")
	return name
}

// serviceAt is the service that a balancer's server leads to.
func (s sighting) serviceAt(server Server) string {
	for _, one := range s.members {
		if slices.Contains(one.endpoints(), server.Endpoint) {
			return one.service.Name
		}
	}
	return ""
}
