package node

import "context"

// commandQuiesce asks every member for "block: all". With the fault
// quiesce-cluster-wide the node that was asked first sends it.
const commandQuiesce = "quiesce-all"

// spreadQuiesce is called once the node has flushed. Whether there is a quiesce
// port on the others is not looked at.
func (n *Node) spreadQuiesce(ctx context.Context) {
	if !n.cfg.Faults.has(QuiesceClusterWide) || n.cfg.DataStore == "" {
		return
	}
	if err := n.cluster.command(ctx, commandQuiesce, nil); err != nil {
		n.cfg.Logf("quiesce the other members: %v", err)
	}
}

// followQuiesce does what another member has been asked to.
func (n *Node) followQuiesce() {
	if n.hasGateway() && n.claimQuiesceAll(everything) {
		n.background.do(func(ctx context.Context) { n.quiesceAll(ctx, everything, func(context.Context) {}) })
	}
}

// claimQuiesceAll tells whether "block: all" is not in effect yet; it is then.
func (n *Node) claimQuiesceAll(flush []string) bool {
	n.quiesce.mu.Lock()
	defer n.quiesce.mu.Unlock()
	if n.quiesce.all {
		return false
	}
	n.quiesce.all, n.quiesce.flush = true, flush
	return true
}
