package node

import (
	"errors"
	"strings"
)

func (n *Node) quiesceAlias() string {
	n.quiesce.mu.Lock()
	defer n.quiesce.mu.Unlock()
	return n.quiesce.portAlias
}

func (n *Node) quiescePortKey() string {
	alias := n.quiesceAlias()
	n.ports.mu.Lock()
	defer n.ports.mu.Unlock()
	if p := n.ports.find(byAlias(alias)); p != nil {
		return p.Key
	}
	return ""
}

// setQuiescePort accepts any port that exists; whether it will do is looked at
// when the server is quiesced.
func (n *Node) setQuiescePort(in map[string]string) map[string]any {
	alias := in["portAlias"]
	n.ports.mu.Lock()
	found := n.ports.find(byAlias(alias)) != nil
	n.ports.mu.Unlock()
	if !found || alias == diagnosticAlias {
		return map[string]any{"message": "INVALID", "status": "false"}
	}
	n.quiesce.mu.Lock()
	n.quiesce.portAlias = alias
	n.quiesce.mu.Unlock()
	return map[string]any{"message": "Quiesce port is set to " + alias, "status": "true"}
}

func (n *Node) getQuiescePort(map[string]string) map[string]any {
	return map[string]any{"portAlias": n.quiesceAlias()}
}

func (n *Node) getQuiescePortDetails(map[string]string) map[string]any {
	alias := n.quiesceAlias()
	n.ports.mu.Lock()
	defer n.ports.mu.Unlock()
	out := map[string]any{"portAlias": alias, "portKey": "", "portPackage": ""}
	if p := n.ports.find(byAlias(alias)); p != nil {
		out["portKey"], out["portPackage"] = p.Key, p.Pkg
	}
	return out
}

// isDisableQuiescePort tells whether the port with this key or alias must stay
// open, because it is the quiesce port and the server is in quiesce mode.
func (n *Node) isDisableQuiescePort(in map[string]string) map[string]any {
	alias := n.quiesceAlias()
	same := alias != "" && (in["portAlias"] == alias || in["key"] == n.quiescePortKey())
	return map[string]any{"isDisableQuiescePort": yes(same && n.isQuiescing())}
}

// checkQuiescePort tells which of the documented causes of a 500 there is.
func (n *Node) checkQuiescePort() error {
	alias := n.quiesceAlias()
	n.ports.mu.Lock()
	defer n.ports.mu.Unlock()
	p := n.ports.find(byAlias(alias))
	switch {
	case alias == "" || p == nil:
		return errors.New("no valid quiesce port: it is not set")
	case p.PortAlias == diagnosticAlias:
		return errors.New("no valid quiesce port: it is the diagnostic port")
	case p.Enabled != "true":
		return errors.New("no valid quiesce port: it is not enabled")
	case p.Suspended != "false" || n.cfg.Faults.has(QuiescePortSuspended):
		return errors.New("no valid quiesce port: it is suspended")
	case !strings.HasPrefix(p.AccessMode, "allow"):
		return errors.New("no valid quiesce port: its access mode is not allow")
	case p.Pkg != "WmRoot" && p.Pkg != "WmPublic":
		return errors.New("no valid quiesce port: it is not in WmRoot or WmPublic")
	}
	return nil
}
