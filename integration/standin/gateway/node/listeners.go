package node

import (
	"errors"
	"strconv"
)

// newListener makes a port for something else than HTTP. It is listed, enabled
// and disabled like any other; nothing listens.
func newListener(spec ListenerSpec, memory *remembered) *Port {
	p := newPort(0, spec.Kind+"_"+spec.Name, defaultPackage, nil)
	p.FactoryKey, p.Protocol, p.Key = "webMethods/"+spec.Kind, spec.Kind, spec.Kind+"Listener:"+spec.Name
	if spec.Kind == "FTP" {
		p.Port, _ = strconv.Atoi(spec.Name) // checked when it was read
		p.Key = "FTPListener@" + spec.Name
	}
	if memory.get("listener", p.Key) == "" {
		p.Enabled = "true"
	}
	return p
}

// listListeners is wm.server.net.listeners:listListeners.
func (n *Node) listListeners(map[string]string) map[string]any {
	return map[string]any{"listeners": n.listed("", "")}
}

func (n *Node) enableListener(in map[string]string) map[string]any {
	return n.setListener(in["listenerKey"], true)
}

func (n *Node) disableListener(in map[string]string) map[string]any {
	return n.setListener(in["listenerKey"], false)
}

func (n *Node) setListener(key string, enabled bool) map[string]any {
	n.ports.mu.Lock()
	defer n.ports.mu.Unlock()
	p := n.ports.find(byKey(key))
	if p == nil {
		return failed("no listener has the key %q", key)
	}
	if err := n.setPort(p, enabled); err != nil {
		return failed("%v", err)
	}
	return map[string]any{"message": key + " is changed"}
}

// setPort must be called with the lock of the ports held. A listener stays
// disabled over restarts.
func (n *Node) setPort(p *Port, enabled bool) error {
	if p.handler == nil {
		n.memory.set("listener", p.Key, map[bool]string{false: "disabled"}[enabled])
	}
	if enabled {
		return p.open(n.ports.host)
	}
	if p.primary {
		return errors.New("the primary and the diagnostic port cannot be disabled")
	}
	if p.PortAlias == n.quiesceAlias() && n.isQuiescing() {
		return errors.New("the quiesce port cannot be disabled in quiesce mode")
	}
	p.close(false)
	return nil
}
