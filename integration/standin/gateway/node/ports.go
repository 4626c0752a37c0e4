package node

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
)

// ports are the listeners of a node. The quiesce port is chosen by its alias.
type ports struct {
	host string
	mu   sync.Mutex
	all  []*Port
}

func (p *ports) add(port *Port) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, port)
}

// addNew adds a port unless its key or its alias is there already.
func (p *ports) addNew(port *Port) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.find(byKey(port.Key)) != nil || p.find(byAlias(port.PortAlias)) != nil {
		return false
	}
	p.all = append(p.all, port)
	return true
}

// find must be called with the lock held.
func (p *ports) find(match func(*Port) bool) *Port {
	if i := slices.IndexFunc(p.all, match); i >= 0 {
		return p.all[i]
	}
	return nil
}

func byKey(key string) func(*Port) bool { return func(p *Port) bool { return p.Key == key } }
func byAlias(alias string) func(*Port) bool {
	return func(p *Port) bool { return p.PortAlias == alias }
}

// openAll opens every port but the listeners that were disabled before.
func (p *ports) openAll() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, port := range p.all {
		if port.handler == nil && port.Enabled != "true" {
			continue
		}
		if err := port.open(p.host); err != nil {
			return err
		}
	}
	return nil
}

// closeBut closes every port but the ones with these aliases. They count as
// enabled still: it is the server that does not listen. The function it
// returns waits for their requests in progress.
func (p *ports) closeBut(aliases ...string) (wait func(context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var waits []func(context.Context) error
	for _, port := range p.all {
		if !slices.Contains(aliases, port.PortAlias) {
			waits = append(waits, port.close(port.Enabled == "true"))
		}
	}
	return func(until context.Context) error {
		var errs []error
		for _, wait := range waits {
			errs = append(errs, wait(until))
		}
		return errors.Join(errs...)
	}
}

// pretend makes the closed ports answer as the fault quiesced-client says.
func (p *ports) pretend(what string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, port := range p.all {
		if port.Enabled == "true" {
			errs = append(errs, port.pretend(p.host, what))
		}
	}
	return errors.Join(errs...)
}

// reopen opens the ports that are enabled and do not listen.
func (p *ports) reopen() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, port := range p.all {
		if port.Enabled == "true" {
			if err := port.open(p.host); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *Node) getPorts(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	reply(w, http.StatusOK, map[string]any{"listeners": n.listed(query.Get("pkg"), query.Get("listenerKey"))})
}

// listed returns the ports of that package and key; empty text means all.
func (n *Node) listed(pkg, key string) []Port {
	alias := n.quiesceAlias()
	n.ports.mu.Lock()
	defer n.ports.mu.Unlock()
	found := []Port{}
	for _, p := range n.ports.all {
		if (pkg == "" || p.Pkg == pkg) && (key == "" || p.Key == key) {
			shown := *p
			if p.PortAlias == alias && n.cfg.Faults.has(QuiescePortSuspended) {
				shown.Suspended = "true"
			}
			found = append(found, shown)
		}
	}
	return found
}

func (n *Node) getPort(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("listenerKey")
	found := n.listed("", key)
	if len(found) == 0 {
		portMessage(w, http.StatusNotFound, portReference{ListenerKey: key}, "no such port")
		return
	}
	reply(w, http.StatusOK, found[0])
}

// addPort creates a port. It is disabled until /ports/enable.
func (n *Node) addPort(w http.ResponseWriter, r *http.Request) {
	var body struct {
		FactoryKey, Pkg, PortAlias, AccessMode string
		Port, Suspended                        loose
	}
	if !decode(w, r, &body) {
		return
	}
	number, err := strconv.Atoi(string(body.Port))
	ref := portReference{ListenerKey: "HTTPListener@" + string(body.Port), Pkg: body.Pkg}
	if err != nil || number < 1 || number > 65535 || body.FactoryKey != "webMethods/HTTP" || body.Pkg == "" || body.PortAlias == "" {
		portMessage(w, http.StatusBadRequest, ref, "a port needs factoryKey webMethods/HTTP, pkg, port and portAlias")
		return
	}
	p := newPort(number, body.PortAlias, body.Pkg, n.runtimeHandler())
	p.AccessMode = cmp.Or(body.AccessMode, p.AccessMode)
	p.Suspended = cmp.Or(string(body.Suspended), p.Suspended)
	made := *p
	if !n.ports.addNew(p) {
		portMessage(w, http.StatusBadRequest, ref, "the port or its alias exists already")
		return
	}
	n.publishPort(r.Context(), made)
	reply(w, http.StatusCreated, made)
}

func (n *Node) deletePort(w http.ResponseWriter, r *http.Request) {
	ref := portReference{ListenerKey: r.URL.Query().Get("listenerKey"), Pkg: r.URL.Query().Get("pkg")}
	n.ports.mu.Lock()
	defer n.ports.mu.Unlock()
	p := n.ports.find(byKey(ref.ListenerKey))
	if p == nil || p.primary {
		portMessage(w, http.StatusBadRequest, ref, "no such port, or it is the primary or the diagnostic one")
		return
	}
	p.close(false)
	n.ports.all = slices.DeleteFunc(n.ports.all, byKey(ref.ListenerKey))
	n.withdrawPort(r.Context(), ref.ListenerKey)
}

func (n *Node) enablePort(w http.ResponseWriter, r *http.Request) {
	n.withPort(w, r, func(p *Port) error { return n.setPort(p, true) })
}

func (n *Node) disablePort(w http.ResponseWriter, r *http.Request) {
	n.withPort(w, r, func(p *Port) error { return n.setPort(p, false) })
}

func (n *Node) withPort(w http.ResponseWriter, r *http.Request, do func(*Port) error) {
	var ref portReference
	if !decode(w, r, &ref) {
		return
	}
	n.ports.mu.Lock()
	defer n.ports.mu.Unlock()
	p := n.ports.find(byKey(ref.ListenerKey))
	if p == nil {
		portMessage(w, http.StatusBadRequest, ref, "no such port")
		return
	}
	if err := do(p); err != nil {
		portMessage(w, http.StatusBadRequest, ref, err.Error())
		return
	}
	reply(w, http.StatusOK, ref)
}

type portReference struct {
	ListenerKey string `json:"listenerKey"`
	Pkg         string `json:"pkg"`
}

func portMessage(w http.ResponseWriter, status int, ref portReference, message string) {
	reply(w, status, map[string]string{"listenerKey": ref.ListenerKey, "pkg": ref.Pkg, "message": message})
}
