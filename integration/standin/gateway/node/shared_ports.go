package node

import (
	"context"
	"encoding/json"
)

// portKind is where the ports that the nodes share are, with the fault
// ports-synchronised: the vendor's setting portClusteringEnabled, if it does
// what its name says for ports that are made while the server runs.
const portKind = "ports"

// sharedPort is what another node needs to have the same port.
type sharedPort struct {
	Port       int
	PortAlias  string
	Pkg        string
	AccessMode string
}

func (n *Node) publishPort(ctx context.Context, p Port) {
	if !n.cfg.Faults.has(PortsSynchronised) {
		return
	}
	if _, err := n.shared.create(ctx, portKind, p.Key, sharedPort{p.Port, p.PortAlias, p.Pkg, p.AccessMode}); err != nil {
		n.cfg.Logf("publish %s: %v", p.Key, err)
	}
}

func (n *Node) withdrawPort(ctx context.Context, key string) {
	if !n.cfg.Faults.has(PortsSynchronised) {
		return
	}
	if _, err := n.shared.remove(ctx, portKind, key); err != nil {
		n.cfg.Logf("withdraw %s: %v", key, err)
	}
}

// adoptPorts adds, enabled, the ports that other nodes have published. Only a
// node that starts does.
func (n *Node) adoptPorts(ctx context.Context) {
	if !n.cfg.Faults.has(PortsSynchronised) {
		return
	}
	documents, err := n.shared.list(ctx, portKind)
	if err != nil {
		n.cfg.Logf("adopt ports: %v", err)
	}
	n.ports.mu.Lock()
	defer n.ports.mu.Unlock()
	for _, doc := range documents {
		var s sharedPort
		if json.Unmarshal(doc.Body, &s) != nil || n.ports.find(byKey(doc.ID)) != nil || n.ports.find(byAlias(s.PortAlias)) != nil {
			continue
		}
		p := newPort(s.Port, s.PortAlias, s.Pkg, n.runtimeHandler())
		p.AccessMode = s.AccessMode
		n.ports.all = append(n.ports.all, p)
		if err := p.open(n.ports.host); err != nil {
			n.cfg.Logf("adopt ports: %v", err)
		}
	}
}
