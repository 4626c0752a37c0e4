package node

import (
	"net/http"
	"strconv"
	"time"
)

// getHealth is the check of load balancers: 200 or 500, without a body and
// without a password.
func (n *Node) getHealth(w http.ResponseWriter, _ *http.Request) {
	if !n.healthy() {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func (n *Node) healthy() bool {
	if n.cfg.Faults.has(NeverReady) {
		return false
	}
	if after, on := n.cfg.Faults.arg(UnhealthyAfter); on {
		d, _ := time.ParseDuration(after) // checked when it was set
		return time.Since(n.readyAt()) < d
	}
	return true
}

// getEngineHealth answers as documented for /health/engine: green and yellow are
// 200, red is 500, numbers are strings. A single data store node is yellow, and
// that leaves the whole green.
func (n *Node) getEngineHealth(w http.ResponseWriter, _ *http.Request) {
	code, body := n.engineHealth()
	reply(w, code, body)
}

func (n *Node) engineHealth() (int, map[string]any) {
	members, joined := n.cluster.state()
	status, es := "green", "yellow"
	tc := map[string]string{"status": "green", "nodes": "1", "healthy_nodes": "1", "response_time_ms": "2"}
	if n.clustered() {
		tc["nodes"], tc["healthy_nodes"] = strconv.Itoa(members.Nodes), strconv.Itoa(members.HealthyNodes)
		if !joined {
			es, tc["status"] = "red", "red"
		}
	}
	warm := time.Since(n.readyAt()) >= n.cfg.EngineDelay
	if !warm || !n.healthy() || es == "red" || n.cfg.Faults.has(EngineRed) {
		status = "red"
	}
	code := http.StatusOK
	if status == "red" {
		code = http.StatusInternalServerError
	}
	return code, map[string]any{
		"status":        status,
		"elasticsearch": map[string]string{"cluster_name": "SAG_EventDataStore", "status": es},
		"is": map[string]any{
			"status": "green", "response_time_ms": "30",
			"diskspace": map[string]string{"status": "up"},
			"memory":    map[string]string{"status": "up", "freemem": "501744736"},
		},
		"terracotta": tc,
	}
}

// clustered tells whether the node is meant to be in a cluster and has not come
// up outside it.
func (n *Node) clustered() bool { return n.clusterAware() && !n.cfg.Faults.has(Standalone) }

// clusterAware tells whether the node is meant to be in a cluster.
func (n *Node) clusterAware() bool { return n.cfg.DataStore != "" && !n.cfg.Alone }

// getCluster answers GET /is/cluster. A node that could not join is healthy all
// the same when its start-up action is "standalone": only currentlyClustered
// tells.
func (n *Node) getCluster(w http.ResponseWriter, _ *http.Request) {
	_, joined := n.cluster.state()
	reply(w, http.StatusOK, map[string]any{
		"clusterAware": n.clusterAware(), "pendingRestart": false,
		"currentlyClustered": n.clustered() && joined,
		"clusterSessTimeout": "60", "clusterName": n.cfg.ClusterName, "actionOnStartupError": "standalone",
		"Ignite": map[string]any{
			"portRange": 0, "discoveryPort": "10100", "communicationPort": "10200", "hostnames": n.cfg.IgniteHosts,
			"k8sNamespace": nil, "k8sServiceName": nil,
		},
		"tsaURLs": n.cfg.TSAURLs,
	})
}

func (n *Node) getServerInfo(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]string{"version": n.cfg.Version, "serverName": n.cfg.Name})
}
