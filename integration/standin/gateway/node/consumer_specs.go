package node

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// TriggerSpec is one trigger: jms:orders.jms:onOrder=orders.
type TriggerSpec struct {
	Kind  string // jms, messaging or mqtt
	Name  string // namespace:name
	Queue string
}

// TaskSpec is one scheduled user task: orders.jobs:sweep@1s.
type TaskSpec struct {
	Service string
	Every   time.Duration
}

// ListenerSpec is one port that is not for HTTP: FilePolling:orders.
type ListenerSpec struct {
	Kind string // FilePolling, Email or FTP
	Name string // a folder, a mailbox, or the port's number
}

// triggers reads TRIGGERS, whose items are separated by semicolons.
func (e *env) triggers(key string) []TriggerSpec {
	var out []TriggerSpec
	for item := range items(e.get(key), ";") {
		kind, rest, _ := strings.Cut(item, ":")
		name, queue, _ := strings.Cut(rest, "=")
		if kind != "jms" && kind != "messaging" && kind != "mqtt" || name == "" || queue == "" {
			e.fail(key, fmt.Errorf("%q is not jms, messaging or mqtt:namespace:name=queue", item))
			continue
		}
		out = append(out, TriggerSpec{kind, name, url.PathEscape(queue)})
	}
	return out
}

// tasks reads TASKS, whose items are separated by semicolons or commas.
func (e *env) tasks(key string) []TaskSpec {
	var out []TaskSpec
	for item := range items(strings.ReplaceAll(e.get(key), ",", ";"), ";") {
		service, text, _ := strings.Cut(item, "@")
		every, err := time.ParseDuration(text)
		if service == "" || err != nil || every <= 0 {
			e.fail(key, fmt.Errorf("%q is not folder:service@duration", item))
			continue
		}
		out = append(out, TaskSpec{service, every})
	}
	return out
}

// listeners reads LISTENERS, whose items are separated by commas.
func (e *env) listeners(key string) []ListenerSpec {
	var out []ListenerSpec
	for item := range items(e.get(key), ",") {
		kind, name, _ := strings.Cut(item, ":")
		known := kind == "FilePolling" || kind == "Email" || kind == "FTP"
		if _, err := strconv.Atoi(name); !known || name == "" || (kind == "FTP" && err != nil) {
			e.fail(key, fmt.Errorf("%q is not FilePolling:folder, Email:mailbox or FTP:port", item))
			continue
		}
		out = append(out, ListenerSpec{kind, name})
	}
	return out
}

// items yields what is between the separators, without what is empty.
func items(text, separator string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for item := range strings.SplitSeq(text, separator) {
			if item = strings.TrimSpace(item); item != "" && !yield(item) {
				return
			}
		}
	}
}
