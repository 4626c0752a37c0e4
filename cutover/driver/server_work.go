package driver

import (
	"context"
	"errors"
	"strings"

	"github.com/cutover/cutover/cutover"
)

// Work is something that a server does without a load balancer: it starts with the server, on an image that nobody
// has proved yet.
type Work struct {
	Kind    string `json:"kind"` // one of the kinds below
	Name    string `json:"name"`
	Package string `json:"package,omitempty"`
}

// The kinds of work.
const (
	jmsTrigger       = "JMS trigger"
	messagingTrigger = "messaging trigger"
	mqttTrigger      = "MQTT trigger"
	scheduledTask    = "scheduled task"
	filePolling      = "file polling"
	mailListener     = "mail listener"
	ftpListener      = "FTP listener"
)

func (w Work) String() string { return w.Kind + " " + w.Name }

// listens reports whether it is a port. Switching one off lasts longer than until the next start.
func (w Work) listens() bool {
	return w.Kind == filePolling || w.Kind == mailListener || w.Kind == ftpListener
}

// workState is one piece of work as it is now.
type workState struct {
	Work
	active    bool // it fetches, or would
	temporary bool // it is suspended until the next start only, as this driver does it
	busy      int  // how much of it is being worked on
}

// The states of a server's scheduler, as wm.server.schedule:getSchedulerState tells them.
const (
	schedulerRuns   = "running"
	schedulerPaused = "paused"
)

// work lists what a server does without a load balancer, and tells the state of its scheduler. What a version does not
// offer, it does not do. The shapes are those of the administration pages of Integration Server (WmRoot, as published
// in Codadilupo/SAG).
func (s *Server) work(ctx context.Context, place cutover.Place) (all []workState, scheduler string, err error) {
	for _, list := range []func(context.Context, cutover.Place) ([]workState, error){
		s.jmsTriggers, s.messagingTriggers, s.mqttTriggers, s.listeners,
	} {
		some, err := list(ctx, place)
		if err != nil && !errors.Is(err, errMissing) {
			return nil, "", err
		}
		all = append(all, some...)
	}
	tasks, scheduler, err := s.tasks(ctx, place)
	if err != nil && !errors.Is(err, errMissing) {
		return nil, "", err
	}
	return append(all, tasks...), scheduler, nil
}

func (s *Server) jmsTriggers(ctx context.Context, place cutover.Place) ([]workState, error) {
	return s.brokered(ctx, place, "wm.server.jms:getTriggerReport", jmsTrigger)
}

func (s *Server) mqttTriggers(ctx context.Context, place cutover.Place) ([]workState, error) {
	return s.brokered(ctx, place, "wm.server.mqtt:getTriggerReport", mqttTrigger)
}

// brokered reads a report of JMS or MQTT triggers: state 0 is enabled, 1 disabled, 2 suspended. A suspended one is
// enabled again by a restart.
func (s *Server) brokered(ctx context.Context, place cutover.Place, service, kind string) ([]workState, error) {
	var said struct {
		Triggers []struct {
			Name    loose `json:"node_nsName"`
			Package loose `json:"node_pkg"`
			Trigger struct {
				State   loose `json:"state"`
				Threads loose `json:"currentThreads"`
			} `json:"trigger"`
		} `json:"triggerDataList"`
	}
	if err := s.invoke(ctx, place, service, nil, &said); err != nil {
		return nil, err
	}
	var all []workState
	for _, t := range said.Triggers {
		all = append(all, workState{
			Work:   Work{kind, string(t.Name), string(t.Package)},
			active: t.Trigger.State == "0", temporary: t.Trigger.State == "2", busy: t.Trigger.Threads.number(),
		})
	}
	return all, nil
}

// messagingTriggers reads the report of webMethods messaging triggers: a state that ends in -temp lasts until the next
// start.
func (s *Server) messagingTriggers(ctx context.Context, place cutover.Place) ([]workState, error) {
	type state struct {
		State loose `json:"state"`
	}
	var said struct {
		Triggers []struct {
			Name       loose `json:"name"`
			Package    loose `json:"package"`
			Threads    loose `json:"activeThreadCount"`
			Retrieval  state `json:"retrievalStatus"`
			Properties struct {
				Enabled loose `json:"executeEnabled"`
			} `json:"properties"`
		} `json:"triggers"`
	}
	if err := s.invoke(ctx, place, "wm.server.triggers:getTriggerReport", nil, &said); err != nil {
		return nil, err
	}
	var all []workState
	for _, t := range said.Triggers {
		enabled := t.Properties.Enabled == "" || t.Properties.Enabled.yes()
		all = append(all, workState{
			Work:   Work{messagingTrigger, string(t.Name), string(t.Package)},
			active: enabled && strings.HasPrefix(string(t.Retrieval.State), "active"), temporary: t.Retrieval.State == "suspended-temp",
			busy: t.Threads.number(),
		})
	}
	return all, nil
}

// tasks lists the scheduled user tasks, and tells the state of this server's scheduler, if that is to be had.
func (s *Server) tasks(ctx context.Context, place cutover.Place) (all []workState, scheduler string, err error) {
	type task struct {
		Name    loose `json:"name"`
		Service loose `json:"service"`
		State   loose `json:"execState"`
	}
	var said struct {
		Tasks []task `json:"tasks"`
		More  []task `json:"extTasks"`
	}
	if err := s.invoke(ctx, place, "wm.server.schedule:getUserTaskList", nil, &said); err != nil {
		return nil, "", err
	}
	var now struct {
		State loose `json:"state"`
	}
	if err := s.invoke(ctx, place, "wm.server.schedule:getSchedulerState", nil, &now); err != nil && !errors.Is(err, errMissing) {
		return nil, "", err
	}
	scheduler = string(now.State)
	for _, t := range append(said.Tasks, said.More...) {
		name := t.Service
		if name == "" {
			name = t.Name
		}
		all = append(all, workState{Work: Work{Kind: scheduledTask, Name: string(name)}, active: scheduler != schedulerPaused && t.State != "suspended"})
	}
	return all, scheduler, nil
}

// port is a listener as both APIs for ports show it.
type port struct {
	Key        loose `json:"key"`
	Port       loose `json:"port"`
	Alias      loose `json:"portAlias"`
	Package    loose `json:"pkg"`
	Factory    loose `json:"factoryKey"`
	Enabled    loose `json:"enabled"`
	Suspended  loose `json:"suspended"`
	AccessMode loose `json:"accessMode"`
}

// ports lists the listeners of a server.
func (s *Server) ports(ctx context.Context, place cutover.Place) ([]port, error) {
	var said struct {
		Listeners []port `json:"listeners"`
	}
	err := s.invoke(ctx, place, "wm.server.net.listeners:listListeners", nil, &said)
	return said.Listeners, err
}

// listeners lists the ports that fetch work: file polling and mail, and FTP, which no load balancer moves.
func (s *Server) listeners(ctx context.Context, place cutover.Place) ([]workState, error) {
	ports, err := s.ports(ctx, place)
	if err != nil {
		return nil, err
	}
	var all []workState
	for _, l := range ports {
		kind := listenerKind(string(l.Factory))
		if kind == "" {
			continue
		}
		all = append(all, workState{
			Work:   Work{kind, string(l.Key), string(l.Package)},
			active: l.Enabled.yes() && !l.Suspended.yes(),
		})
	}
	return all, nil
}

func listenerKind(factory string) string {
	for part, kind := range map[string]string{"FilePolling": filePolling, "Email": mailListener, "FTP": ftpListener} {
		if strings.Contains(factory, part) {
			return kind
		}
	}
	return ""
}
