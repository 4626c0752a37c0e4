package node

import (
	"strconv"
	"time"
)

// getStats has the fields of wm.server.query:getStats that tell whether a server
// is busy. The request that asks is not counted.
func (n *Node) getStats(map[string]string) map[string]any {
	held := n.counters.snapshot()
	inFlight, served := strconv.FormatInt(held.InFlight, 10), strconv.FormatInt(held.Served, 10)
	running := strconv.FormatInt(n.activity.count(), 10)
	return map[string]any{
		"svrT": running, "srvThreadCount": running, "ssnUsed": inFlight, "conn": inFlight,
		"connStatefulSessionsCurrent": "0", "reqTotal": served, "newReqPM": "0", "endReqPM": "0",
		"upTime": strconv.FormatInt(int64(time.Since(n.readyAt()).Seconds()), 10),
	}
}

// getSessionList lists a session for each request in flight.
func (n *Node) getSessionList(map[string]string) map[string]any {
	sessions := []map[string]string{}
	for i := range n.counters.snapshot().InFlight {
		sessions = append(sessions, map[string]string{
			"ssnid": "session-" + strconv.FormatInt(i+1, 10), "user": "Default", "stateful": "false",
			"calls": "1", "time": "0", "last": "0", "expires": "temporary",
		})
	}
	return map[string]any{"sessions": sessions}
}

// getThreadList lists a thread for each service that runs.
func (n *Node) getThreadList(map[string]string) map[string]any {
	threads := []map[string]string{}
	for _, service := range n.activity.runningNow() {
		threads = append(threads, map[string]string{
			"name": "SvcThread " + service, "priority": "5", "alive": "true", "daemon": "true", "interrupted": "false",
		})
	}
	return map[string]any{"threads": threads}
}

func (n *Node) getClusterInfo(map[string]string) map[string]any {
	members, joined := n.cluster.state()
	hosts := []map[string]string{}
	if n.clustered() && joined {
		for _, m := range members.Members {
			if m.Healthy {
				hosts = append(hosts, map[string]string{"name": m.Node, "logicalName": m.Scheduler})
			}
		}
	}
	return map[string]any{
		"clusterAware": yes(n.clusterAware()), "currentlyClustered": yes(n.clustered() && joined),
		"clusterName": n.cfg.ClusterName, "hosts": hosts,
	}
}

func (n *Node) getClusterSettings(map[string]string) map[string]any {
	return map[string]any{
		"clusterAware": yes(n.clusterAware()), "clusterName": n.cfg.ClusterName, "clusterSessTimeout": "60",
		"actionOnStartupError": "standalone", "tsaURLs": n.cfg.TSAURLs,
	}
}

// getClusterError tells whether the node is meant to be in a cluster and is not.
func (n *Node) getClusterError(map[string]string) map[string]any {
	_, joined := n.cluster.state()
	return map[string]any{"error": yes(n.clusterAware() && (!joined || !n.clustered()))}
}

// getSettings answers the extended settings by their names.
func (n *Node) getSettings(map[string]string) map[string]any {
	scheduler := n.cfg.Scheduler
	if scheduler == "" {
		scheduler = n.cfg.Name
	}
	out := map[string]any{
		"watt.server.scheduler.logical.hostname": scheduler,
		"watt.server.port":                       strconv.Itoa(n.cfg.AdminPort),
		"watt.server.clientTimeout":              "10",
	}
	for key, value := range n.cfg.Settings {
		out[key] = value
	}
	return out
}
