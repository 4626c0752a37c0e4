package driver

import (
	"context"
	"fmt"
	"strings"

	"github.com/cutover/cutover/cutover"
)

// Separate are the variables that make a new set of nodes a cluster of its own. Each holds names of which one must be
// set, on the old node and for the new one, to different values.
type Separate struct {
	Name      []string // of the cluster
	Addresses []string // of Terracotta or Ignite
	Database  []string // ISInternal; empty: the product has none
}

// surveySeparate refuses a new set that would join the old cluster, and corrupt what it should protect.
func (s *Server) surveySeparate(ctx context.Context, target string) (found []error) {
	if s.Separate == nil {
		return nil
	}
	now, next, err := s.environment(ctx, target)
	if err != nil {
		return []error{fmt.Errorf("%s: %w", target, err)}
	}
	check := func(what string, variables []string) {
		if len(variables) == 0 {
			return
		}
		var same []string
		for _, variable := range variables {
			switch was, is := now[variable], next[variable]; {
			case was == "" || is == "":
			case was == is:
				same = append(same, variable+" is the same for both")
			default:
				return
			}
		}
		if len(same) == 0 {
			same = []string{"neither " + strings.Join(variables, " nor ") + " is set on both sides"}
		}
		found = append(found, fmt.Errorf("%s: strategy.kind cluster needs %s of its own for the new set, which would join the old cluster otherwise: %s: set it in containers.env or in the image, or name the variable in driver.separate",
			target, what, strings.Join(same, ", ")))
	}
	check("a cluster name", s.Separate.Name)
	check("Terracotta or Ignite addresses", s.Separate.Addresses)
	check("an ISInternal database", s.Separate.Database)
	return found
}

// sameCluster is a permanent error when a new node is found in the old cluster, and when it can't be told in which it is.
func (s *Server) sameCluster(target, identity string, facts Facts) error {
	if s.Separate == nil || !s.isNew(target) {
		return nil
	}
	if identity == "" || facts.Cluster == "" {
		return cutover.Permanent(fmt.Errorf("%s is in a cluster, and whether that is the old one is not told by this version: strategy.kind cluster can't be carried out safely", target))
	}
	if identity != facts.Cluster {
		return nil
	}
	return cutover.Permanent(fmt.Errorf("%s has joined the old cluster (%s) instead of one of its own: give the new set a cluster name and addresses of its own", target, facts.Cluster))
}
