package node

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/cutover/cutover/integration/standin/datastore/store"
)

// consumerServices are the services that show and change triggers and tasks.
func (n *Node) consumerServices() map[string]service {
	c := n.consumers
	out := map[string]service{
		"wm.server.triggers/getTriggerReport":          c.messagingReport,
		"wm.server.jms/getTriggerReport":               c.triggerReport("jms"),
		"wm.server.mqtt/getTriggerReport":              c.triggerReport("mqtt"),
		"wm.server.jms/getConnectionAliasReport":       c.aliasReport("jms"),
		"wm.server.mqtt/getConnectionAliasReport":      c.aliasReport("mqtt"),
		"wm.server.messaging/getConnectionAliasReport": c.aliasReport("messaging"),

		"wm.server.schedule/getUserTaskList":   c.tasks.list,
		"wm.server.schedule/suspendUserTask":   c.tasks.suspendTask,
		"wm.server.schedule/wakeupUserTask":    c.tasks.wakeupTask,
		"wm.server.schedule/pauseScheduler":    c.tasks.pauseScheduler,
		"wm.server.schedule/resumeScheduler":   c.tasks.resumeScheduler,
		"wm.server.schedule/getSchedulerState": c.tasks.state,
	}
	for name, do := range c.clusterServices() {
		out[name] = func(in map[string]string) map[string]any {
			if in["applyChangeAcrossCluster"] == "true" && c.cluster.url != "" {
				args := maps.Clone(in)
				args["service"] = name
				delete(args, "applyChangeAcrossCluster")
				if err := c.cluster.command(context.Background(), commandService, args); err != nil {
					return failed("apply the change across the cluster: %v", err)
				}
			}
			return do(in)
		}
	}
	return out
}

// clusterServices are those that another member may ask for.
func (c *consumers) clusterServices() map[string]service {
	return map[string]service{
		"pub.trigger/suspendRetrieval":   c.setHalf("retrieval", true),
		"pub.trigger/resumeRetrieval":    c.setHalf("retrieval", false),
		"pub.trigger/suspendProcessing":  c.setHalf("processing", true),
		"pub.trigger/resumeProcessing":   c.setHalf("processing", false),
		"pub.trigger/suspendJMSTriggers": c.setTriggers("jms", triggerSuspended),
		"pub.trigger/enableJMSTriggers":  c.setTriggers("jms", triggerEnabled),
		"pub.trigger/disableJMSTriggers": c.setTriggers("jms", triggerDisabled),
		"wm.server.mqtt/suspendTriggers": c.setTriggers("mqtt", triggerSuspended),
		"wm.server.mqtt/enableTriggers":  c.setTriggers("mqtt", triggerEnabled),
		"wm.server.mqtt/disableTriggers": c.setTriggers("mqtt", triggerDisabled),
	}
}

const commandService = "service"

// obey does what another member has asked of all.
func (n *Node) obey(command store.Command) {
	n.cfg.Logf("%s asks for %s %v", command.From, command.Name, command.Args)
	if do := n.consumers.clusterServices()[command.Args["service"]]; command.Name == commandService && do != nil {
		do(command.Args)
	}
	if command.Name == commandQuiesce {
		n.followQuiesce()
	}
}

// setHalf suspends or resumes retrieval or processing of a messaging trigger.
func (c *consumers) setHalf(which string, suspended bool) service {
	return func(in map[string]string) map[string]any {
		found, missing := c.find("messaging", names(in))
		if missing != "" {
			return failed("%s is not a webMethods messaging trigger", missing)
		}
		permanent := in["persistChange"] == "true"
		for _, t := range found {
			t.mu.Lock()
			if which == "retrieval" {
				t.retrieval = half{suspended, !permanent}
			} else {
				t.processing = half{suspended, !permanent}
			}
			t.mu.Unlock()
			if permanent {
				c.memory.set(which, t.Name, map[bool]string{true: "suspended"}[suspended])
			}
		}
		c.settle()
		return map[string]any{}
	}
}

// setTriggers enables, disables or suspends triggers of a kind.
func (c *consumers) setTriggers(kind, state string) service {
	return func(in map[string]string) map[string]any {
		found, missing := c.find(kind, names(in))
		if missing != "" {
			return failed("%s is not a trigger of %s", missing, kind)
		}
		for _, t := range found {
			t.mu.Lock()
			t.state = state
			t.mu.Unlock()
			c.memory.set("trigger", t.Name, map[bool]string{true: state}[state == triggerDisabled])
		}
		c.settle()
		return map[string]any{}
	}
}

// find returns the triggers with these names, or the first name that is none.
func (c *consumers) find(kind string, wanted []string) (found []*trigger, missing string) {
	for _, name := range wanted {
		i := slices.IndexFunc(c.triggers, func(t *trigger) bool { return t.Kind == kind && t.Name == name })
		if i < 0 {
			return nil, name
		}
		found = append(found, c.triggers[i])
	}
	if len(found) == 0 {
		return nil, "(no name)"
	}
	return found, ""
}

// names reads triggerNameList, a JSON list or names with commas, and triggerName.
func names(in map[string]string) []string {
	var out []string
	list := in["triggerNameList"]
	if json.Unmarshal([]byte(list), &out) != nil {
		out = slices.Collect(items(list, ","))
	}
	if name := strings.TrimSpace(in["triggerName"]); name != "" {
		out = append(out, name)
	}
	return out
}
