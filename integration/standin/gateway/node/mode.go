package node

// mode is what wm.server.quiesce:getCurrentMode calls it. It says QUIESCE as
// soon as the ports close, long before anything is flushed, so it corroborates
// the end of "block: all" and does not prove it.
func (n *Node) mode() string {
	if n.isQuiescing() {
		return "QUIESCE"
	}
	return "ACTIVE"
}

func (n *Node) isQuiescing() bool {
	n.quiesce.mu.Lock()
	defer n.quiesce.mu.Unlock()
	return n.quiesce.server
}

func (n *Node) packageOff() bool {
	n.quiesce.mu.Lock()
	defer n.quiesce.mu.Unlock()
	return n.quiesce.off
}

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
