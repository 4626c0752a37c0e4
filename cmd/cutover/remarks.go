package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cutover/cutover/image"
)

const (
	remarksLimit = 2 * time.Minute // for looking at what is on the old containers' disks
	driftShown   = 20              // files of a container that are named
)

// remarks are what stands in nobody's way, and that an operator wants to know before the old containers are gone: what
// was changed on their disks and is not in the new image, and what may be left in their stores. It touches nothing.
func (s *site) remarks(ctx context.Context) ([]string, error) {
	if s.wanted.ID == "" {
		return nil, nil // there is no image yet to compare with, which has been said
	}
	ctx, cancel := context.WithTimeoutCause(ctx, remarksLimit, fmt.Errorf("the old containers' disks were not compared with the image within %s", remarksLimit))
	defer cancel()
	nodes, _, err := s.fleet.Find(ctx, s.wanted.ID)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, node := range nodes {
		if node.Image.ID == s.wanted.ID {
			continue
		}
		drift, skipped, err := image.Drift(ctx, s.carrier.Engine, node.Name, s.wanted.ID, slices.Concat(s.config.Containers.Carry, s.config.Containers.Keep))
		if err != nil {
			return all, err
		}
		for _, change := range drift[:min(len(drift), driftShown)] {
			all = append(all, node.Name+": "+drifted(change))
		}
		if more := len(drift) - driftShown; more > 0 || skipped > 0 {
			all = append(all, fmt.Sprintf("%s: %d more files were changed: cutover image diff %s %s", node.Name, max(more, 0)+skipped, node.Name, s.wanted.Ref))
		}
		stored, err := s.fleet.Stored(ctx, node.Name)
		if err != nil {
			return all, err
		}
		if len(stored) > 0 {
			all = append(all, fmt.Sprintf("%s: its stores may hold documents or transactions, which would keep it from being removed: %s", node.Name, strings.Join(stored, ", ")))
		}
	}
	return all, nil
}

func drifted(change image.Change) string {
	switch {
	case change.From == nil:
		return change.Name + " was deleted in the container, and the new image has it"
	case change.To == nil:
		return change.Name + " was made in the container, and the new image does not have it: image.files, or containers.carry if it is a secret"
	}
	return change.Name + " was changed in the container, and is another one in the new image: image.files, or containers.carry if it is a secret"
}
