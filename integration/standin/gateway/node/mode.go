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

func (n *Node) getCurrentMode(map[string]string) map[string]any {
	out := map[string]any{"mode": n.mode(), "isQuiesceMode": yes(n.isQuiescing())}
	if only, on := n.cfg.Faults.arg(ModeField); on {
		return map[string]any{only: out[only]}
	}
	return out
}

// getQuiesceOptions says what quiescing disables besides: nothing.
func (n *Node) getQuiesceOptions(map[string]string) map[string]any {
	return map[string]any{
		"auditingDisabled": "false", "systemTasksDisabled": "false", "alertingDisabled": "false",
		"statisticsDataCollectorDisabled": "false",
	}
}
