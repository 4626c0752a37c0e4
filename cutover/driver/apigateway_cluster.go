package driver

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cutover/cutover/cutover"
)

// clusterSettings are as much of GET /is/cluster as tells whether a node is a member, and of which cluster.
type clusterSettings struct {
	Aware  loose `json:"clusterAware"`
	Member loose `json:"currentlyClustered"`
	Name   loose `json:"clusterName"`
	TSA    loose `json:"tsaURLs"`
	Ignite struct {
		Hosts loose `json:"hostnames"`
	} `json:"Ignite"`
}

// identity tells two clusters apart.
func (c clusterSettings) identity() string {
	return fmt.Sprintf("%s, Terracotta %q, Ignite %q", c.Name, string(c.TSA), string(c.Ignite.Hosts))
}

func (d *APIGateway) cluster(ctx context.Context, admin endpoint) (clusterSettings, error) {
	var said clusterSettings
	got, err := admin.call(ctx, http.MethodGet, "/rest/apigateway/is/cluster", nil)
	if err != nil {
		return said, fmt.Errorf("is/cluster: %s", brief(err))
	}
	if got.status != http.StatusOK {
		return said, fmt.Errorf("is/cluster: %s", got.why())
	}
	if err := got.decode(&said); err != nil {
		return said, fmt.Errorf("is/cluster: %w", err)
	}
	return said, nil
}

// clusterGate is open when a node whose predecessor was a member is one too, and sees as many others as there are: the
// start-up action "standalone", which is the default, brings a node up healthy and outside its cluster.
func (d *APIGateway) clusterGate(ctx context.Context, target string, admin endpoint, facts Facts) gate {
	return func() (bool, string, error) {
		if !facts.Clustered {
			return true, "", nil
		}
		said, err := d.cluster(ctx, admin)
		if err != nil {
			return false, err.Error(), nil
		}
		if !said.Member.yes() {
			return false, "not clustered (currentlyClustered is false)", nil
		}
		if err := d.sameCluster(target, said.identity(), facts); err != nil {
			return false, "", err
		}
		if facts.Nodes == 0 {
			return true, "clustered", nil
		}
		report, _, err := d.engine(ctx, admin)
		if err != nil {
			return false, "clustered, nodes: " + brief(err), nil
		}
		want, err := d.expected(ctx, target)
		if err != nil {
			return false, "clustered, how many nodes there should be: " + err.Error(), nil
		}
		have := report.Terracotta.Healthy.number()
		return have >= want, fmt.Sprintf("clustered, %d of %d nodes", have, want), nil
	}
}

// expected is how many members this node should see: those of the rollout that run in its cluster and were not asked to
// quiesce, and as many as the node sees that it is to replace, which counts members that are not of the rollout too.
func (d *APIGateway) expected(ctx context.Context, target string) (int, error) {
	if d.Containers.Peers == nil {
		return 1, nil
	}
	ours, seen, fresh, replaced := 1, 0, d.isNew(target), d.old(target)
	for _, peer := range d.Containers.Peers(target) {
		if d.Separate != nil && peer.New != fresh {
			continue // of the other cluster
		}
		place, err := d.Containers.Locate(ctx, peer.Name)
		if err != nil {
			return 0, err
		}
		if !place.Running || d.quiescedNow(peer.Name, place) {
			continue
		}
		ours++
		if peer.Name != replaced {
			continue
		}
		if seen, err = d.members(ctx, place); err != nil {
			return 0, fmt.Errorf("ask %s, which it replaces: %w", replaced, err)
		}
	}
	return max(ours, seen), nil
}

// members is how many healthy members of its cluster a node sees.
func (d *APIGateway) members(ctx context.Context, place cutover.Place) (int, error) {
	admin, err := d.at(place, d.AdminPort)
	if err != nil {
		return 0, err
	}
	report, _, err := d.engine(ctx, admin)
	return report.Terracotta.Healthy.number(), err
}
