package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cutover/cutover/cutover"
)

// consumers is the ladder of the work that a server does without a load balancer.
type consumers struct{ *Server }

// Consumers is that ladder for servers of this kind.
func (s *Server) Consumers() cutover.Resource { return consumers{s} }

// Set suspends everything that fetches work, or resumes what the old node did and what was suspended until the next
// start only; what somebody switched off for good stays off. Listeners that the old node did not have are left alone. It
// may be repeated.
//
// Tasks are not suspended one by one: their state is in the database that the nodes of a cluster share. This server's
// scheduler is paused instead.
func (c consumers) Set(ctx context.Context, target string, want cutover.State) error {
	place, err := c.Containers.Locate(ctx, target)
	if err != nil {
		return err
	}
	c.wanted[target] = want
	if err := c.staysAs(ctx, target, want); err != nil {
		return err
	}
	if !place.Running {
		if want == cutover.Suspended {
			return nil // it consumes nothing, and stays so
		}
		return fmt.Errorf("%s does not run", target)
	}
	all, scheduler, err := c.work(ctx, place)
	if err != nil {
		return fmt.Errorf("list what %s works on: %w", target, err)
	}
	var failed []error
	for _, w := range all {
		switch {
		case want == cutover.Suspended && w.active && (!w.listens() || c.did(target, w.Work)), want == cutover.Consuming && !w.active && (w.temporary || c.did(target, w.Work)):
			if err := c.turn(ctx, place, w.Work, want); err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", w.Work, err))
			}
		}
	}
	switch {
	case want == cutover.Suspended && scheduler == schedulerRuns:
		failed = append(failed, c.invoke(ctx, place, "wm.server.schedule:pauseScheduler", struct{}{}, nil))
	case want == cutover.Consuming && scheduler == schedulerPaused:
		failed = append(failed, c.invoke(ctx, place, "wm.server.schedule:resumeScheduler", struct{}{}, nil))
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("make the consumers of %s %s: %w", target, want, err)
	}
	return nil
}

// staysAs makes Docker's restart policy go with what is wanted: a start makes everything work.
func (c consumers) staysAs(ctx context.Context, target string, want cutover.State) error {
	policy := c.Containers.KeepUp
	if want == cutover.Suspended {
		policy = c.Containers.KeepDown
	}
	if policy == nil {
		return nil
	}
	return policy(ctx, target)
}

// did reports whether the old node did this work when the plan was made.
func (s *Server) did(target string, w Work) bool {
	return slices.ContainsFunc(s.facts(target).Consumers, func(old Work) bool { return old.Kind == w.Kind && old.Name == w.Name })
}

// facts are those of the old node, or none.
func (s *Server) facts(target string) Facts {
	if s.Containers.Facts == nil {
		return Facts{}
	}
	facts, _ := s.Containers.Facts(target)
	return facts
}

// turn switches one piece of work, on this node only; triggers until its next start, listeners for good.
func (c consumers) turn(ctx context.Context, place cutover.Place, w Work, want cutover.State) error {
	on := want == cutover.Consuming
	pick := func(resume, suspend string) string {
		if on {
			return resume
		}
		return suspend
	}
	one := map[string]any{"triggerNameList": []string{w.Name}}
	switch w.Kind {
	case jmsTrigger:
		return c.invoke(ctx, place, pick("pub.trigger:enableJMSTriggers", "pub.trigger:suspendJMSTriggers"), one, nil)
	case mqttTrigger:
		return c.invoke(ctx, place, pick("wm.server.mqtt:enableTriggers", "wm.server.mqtt:suspendTriggers"), one, nil)
	case messagingTrigger:
		return c.invoke(ctx, place, pick("pub.trigger:resumeRetrieval", "pub.trigger:suspendRetrieval"),
			map[string]string{"triggerName": w.Name, "persistChange": "false", "applyChangeAcrossCluster": "false"}, nil)
	case filePolling, mailListener, ftpListener:
		return c.invoke(ctx, place, pick("wm.server.net.listeners:enableListener", "wm.server.net.listeners:disableListener"),
			map[string]string{"listenerKey": w.Name, "pkg": w.Package}, nil)
	}
	return nil // tasks: by their scheduler
}

// Observe tells whether nothing is fetched and nothing fetched is worked on, or everything that the old node did is
// done here. A container that does not run consumes nothing.
func (c consumers) Observe(ctx context.Context, target string) (cutover.Observation, error) {
	place, err := c.Containers.Locate(ctx, target)
	if err != nil {
		return cutover.Observation{}, err
	}
	if !place.Running {
		return cutover.Observation{State: cutover.Suspended, Detail: "the container does not run"}, nil
	}
	return c.look(ctx, target, place)
}

func (c consumers) look(ctx context.Context, target string, place cutover.Place) (cutover.Observation, error) {
	all, scheduler, err := c.work(ctx, place)
	if err != nil {
		return cutover.Observation{}, err
	}
	var fetching, busy, off []string
	for _, w := range all {
		switch {
		case w.active && w.listens() && !c.did(target, w.Work): // nobody else does it
		case w.active:
			fetching = append(fetching, w.String())
		case w.temporary || c.did(target, w.Work):
			off = append(off, w.String())
		}
		if w.busy > 0 {
			busy = append(busy, fmt.Sprintf("%s (%d)", w.Work, w.busy))
		}
	}
	suspended := len(fetching) == 0 && len(busy) == 0 && scheduler != schedulerRuns
	consuming := len(off) == 0 && scheduler != schedulerPaused
	switch {
	case suspended && (!consuming || c.wanted[target] == cutover.Suspended):
		return cutover.Observation{State: cutover.Suspended, Detail: "suspended: " + several(off)}, nil
	case consuming:
		return cutover.Observation{State: cutover.Consuming, Detail: "working: " + several(fetching)}, nil
	case len(fetching) > 0:
		return cutover.Observation{Detail: "working: " + several(fetching) + "; not: " + several(off)}, nil
	default:
		return cutover.Observation{Detail: "still working on: " + several(busy)}, nil
	}
}

// several names a few things, or says that there is none.
func several(names []string) string {
	switch {
	case len(names) == 0:
		return "nothing"
	case len(names) > 4:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}
