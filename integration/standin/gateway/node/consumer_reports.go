package node

// count is text, as the vendor's reports have it.
func (t *trigger) count() string {
	if t.running {
		return "1"
	}
	return "0"
}

// messagingReport is wm.server.triggers:getTriggerReport.
func (c *consumers) messagingReport(map[string]string) map[string]any {
	out, quiesced := []map[string]any{}, c.isQuiesced()
	for _, t := range c.triggers {
		if t.Kind != "messaging" {
			continue
		}
		t.mu.Lock()
		retrieval, processing := t.retrieval, t.processing
		if quiesced {
			retrieval, processing = half{true, true}, half{true, true}
		}
		out = append(out, map[string]any{
			"name": t.Name, "package": defaultPackage,
			"properties": map[string]any{
				"executeEnabled": "true", "principals": []string{aliasNames[t.Kind], c.cfg.ClientID},
			},
			"retrievalStatus":   map[string]string{"state": retrieval.String()},
			"processingStatus":  map[string]string{"state": processing.String()},
			"activeThreadCount": t.count(),
		})
		t.mu.Unlock()
	}
	return map[string]any{"triggers": out}
}

// defaultPackage is where this stand-in's own triggers and listeners are.
const defaultPackage = "Default"

var aliasNames = map[string]string{"jms": "JMS_ALIAS", "mqtt": "MQTT_ALIAS", "messaging": "IS_UM_CONNECTION"}

// triggerReport is getTriggerReport of wm.server.jms and wm.server.mqtt.
func (c *consumers) triggerReport(kind string) service {
	return func(map[string]string) map[string]any {
		out, quiesced := []map[string]any{}, c.isQuiesced()
		for _, t := range c.triggers {
			if t.Kind != kind {
				continue
			}
			t.mu.Lock()
			state := t.state
			if quiesced && state == triggerEnabled {
				state = triggerSuspended
			}
			out = append(out, map[string]any{
				"node_nsName": t.Name, "node_pkg": defaultPackage,
				"trigger": map[string]string{"state": state, "aliasName": aliasNames[kind], "currentThreads": t.count()},
			})
			t.mu.Unlock()
		}
		return map[string]any{"triggerDataList": out}
	}
}

// aliasReport is getConnectionAliasReport: one connection for each kind of
// trigger that the node has. Quiesce mode disables it.
func (c *consumers) aliasReport(kind string) service {
	return func(map[string]string) map[string]any {
		out := []map[string]string{}
		for _, t := range c.triggers {
			if t.Kind == kind {
				id := "clientID"
				if kind == "messaging" {
					id = "CLIENTPREFIX"
				}
				out = []map[string]string{{
					"aliasName": aliasNames[kind], id: c.cfg.ClientID,
					"enabled": yes(!c.isQuiesced()), "connected": yes(c.isConnected()),
				}}
			}
		}
		return map[string]any{"aliasDataList": out}
	}
}
