package driver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cutover/cutover/cutover"
)

// schedulerName is the setting that must differ between servers which share a database: two with the same name take
// each other's tasks.
const schedulerName = "watt.server.scheduler.logical.hostname"

// surveyNames refuses names that the replacement would use while the old one still does: the scheduler's, and client
// ids, which a messaging provider accepts once.
func (s *Server) surveyNames(ctx context.Context, target string, place cutover.Place, works []Work) []error {
	_, next, err := s.environment(ctx, target)
	if err != nil {
		return []error{fmt.Errorf("%s: %w", target, err)}
	}
	var found []error
	name, err := s.setting(ctx, place, schedulerName)
	if err != nil && !errors.Is(err, errMissing) {
		return []error{fmt.Errorf("%s: %w", target, err)}
	}
	if variable := carrier(next, name); variable != "" {
		found = append(found, cloned(target, "scheduler name ("+schedulerName+")", variable))
	}
	if s.SharedClients || !slices.ContainsFunc(works, func(w Work) bool { return w.Kind == jmsTrigger || w.Kind == mqttTrigger }) {
		return found
	}
	clients, err := s.clients(ctx, place)
	if err != nil {
		return append(found, fmt.Errorf("%s: %w", target, err))
	}
	for _, connection := range slices.Sorted(maps.Keys(clients)) {
		id := clients[connection]
		what := "client id of connection " + connection
		if variable := carrier(next, id); variable != "" {
			found = append(found, cloned(target, what, variable))
		} else if fixed(id, target, place) {
			found = append(found, fmt.Errorf("%s: its %s is %q, which is fixed in the image, so that its replacement would use it at the same time: take it from a variable (application.properties: $env{CLIENT_ID}) and set containers.env.set: {CLIENT_ID: \"{{.Name}}\"}, or, if the provider accepts it twice, say driver.client_ids: shared",
				target, what, id))
		}
	}
	return found
}

// cloned does not tell the value: it is a variable's too, and that may be a secret's by chance.
func cloned(target, what, variable string) error {
	return fmt.Errorf("%s: its %s is what the variable %s holds, and its replacement would use it at the same time: set containers.env.set: {%s: \"{{.Name}}\"}",
		target, what, variable, variable)
}

// carrier is the variable that has this value, or "".
func carrier(environment map[string]string, value string) string {
	for _, variable := range slices.Sorted(maps.Keys(environment)) {
		if value != "" && environment[variable] == value {
			return variable
		}
	}
	return ""
}

// fixed reports whether a name has nothing of its container in it.
func fixed(name, target string, place cutover.Place) bool {
	return name != "" && !strings.Contains(name, target) && !strings.Contains(name, place.ID[:min(12, len(place.ID))])
}

// clients are the client ids of the connections to messaging providers that are enabled, by their names. What a version
// does not tell is left out.
func (s *Server) clients(ctx context.Context, place cutover.Place) (map[string]string, error) {
	ids := map[string]string{}
	for _, service := range []string{"wm.server.jms:getConnectionAliasReport", "wm.server.mqtt:getConnectionAliasReport"} {
		var said struct {
			Aliases []struct {
				Name    loose `json:"aliasName"`
				Client  loose `json:"clientID"`
				Enabled loose `json:"enabled"`
			} `json:"aliasDataList"`
		}
		err := s.invoke(ctx, place, service, nil, &said)
		if err != nil && !errors.Is(err, errMissing) {
			return nil, err
		}
		for _, alias := range said.Aliases {
			if alias.Enabled == "" || alias.Enabled.yes() {
				ids[string(alias.Name)] = string(alias.Client)
			}
		}
	}
	return ids, nil
}

// setting reads one extended setting. Where they are told differs between versions.
func (s *Server) setting(ctx context.Context, place cutover.Place, name string) (string, error) {
	var last error
	for _, service := range []string{"wm.server.query:getSettings", "wm.server.admin:getSettings"} {
		var said map[string]any
		if last = s.invoke(ctx, place, service, nil, &said); last != nil {
			continue
		}
		if value, ok := find(said, name); ok {
			return value, nil
		}
		last = errMissing
	}
	return "", last
}

// find looks for a key, or for a pair of key and value, anywhere in an answer.
func find(in any, name string) (string, bool) {
	switch v := in.(type) {
	case map[string]any:
		if value, ok := v[name]; ok {
			return fmt.Sprint(value), true
		}
		if key, ok := v["key"].(string); ok && key == name {
			return fmt.Sprint(v["value"]), true
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if value, ok := find(v[key], name); ok {
				return value, true
			}
		}
	case []any:
		for _, item := range v {
			if value, ok := find(item, name); ok {
				return value, true
			}
		}
	case string:
		if key, value, ok := strings.Cut(v, "="); ok && key == name {
			return value, true
		}
	}
	return "", false
}

// nameGate is open when no running peer has a new server's scheduler name. An old one's is what it was.
func (s *Server) nameGate(ctx context.Context, target string, place cutover.Place) gate {
	return s.settled.once("scheduler", target, place, func() (bool, string, error) {
		if !s.isNew(target) {
			return true, "", nil
		}
		mine, err := s.setting(ctx, place, schedulerName)
		if errors.Is(err, errMissing) || (err == nil && mine == "") {
			return true, "", nil
		}
		if err != nil {
			return false, "scheduler name: " + err.Error(), nil
		}
		for _, peer := range s.Containers.Peers(target) {
			theirs, err := s.peerSetting(ctx, peer.Name, schedulerName)
			if err != nil {
				return false, fmt.Sprintf("scheduler name %q: that of %s: %v", mine, peer.Name, err), nil
			}
			if theirs == mine {
				return false, fmt.Sprintf("scheduler name %q is also that of %s: set %s per container (containers.env)", mine, peer.Name, schedulerName), nil
			}
		}
		return true, fmt.Sprintf("scheduler name %s is its own", mine), nil
	})
}

// peerSetting reads a setting of another container: "" of one that does not run, or that does not tell any.
func (s *Server) peerSetting(ctx context.Context, peer, name string) (string, error) {
	at, err := s.Containers.Locate(ctx, peer)
	if err != nil || !at.Running {
		return "", err
	}
	value, err := s.setting(ctx, at, name)
	if errors.Is(err, errMissing) {
		return "", nil
	}
	return value, err
}
