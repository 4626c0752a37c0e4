package driver

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cutover/cutover/cutover"
)

// outside are the files that are not in the data store, so that they must be in the image or mounted, by the name that
// operators know them by. Each may be in any of several places: the layouts of 10.x and 11.x differ (upgrade tutorials
// of SoftwareAG/webmethods-api-gateway; README of IBM/webmethods-helm-charts).
var outside = map[string][]string{
	"mpw.dat":                    profiled("configuration/security/passman/mpw.dat"),
	"custom_wrapper.conf":        profiled("configuration/custom_wrapper.conf"),
	"uiconfiguration.properties": profiled("apigateway/config/uiconfiguration.properties"),
	"kibana.yml":                 profiled("apigateway/dashboard/config/kibana.yml"),
	"com.softwareag.catalina.connector.http.pid-apigateway.properties":  profiled(connectors + "http.pid-apigateway.properties"),
	"com.softwareag.catalina.connector.https.pid-apigateway.properties": profiled(connectors + "https.pid-apigateway.properties"),
	"config.properties":       packaged("elasticsearch/config.properties"),
	"saml_groups_mapping.xml": packaged("security/saml_groups_mapping.xml"),
	"elasticsearch.yml":       {"/opt/softwareag/InternalDataStore/config/elasticsearch.yml"},
}

const (
	productHome  = "/opt/softwareag/IntegrationServer"
	instanceHome = productHome + "/instances/default"
	connectors   = "configuration/com.softwareag.platform.config.propsloader/com.softwareag.catalina.connector."
)

func profiled(path string) []string {
	return []string{"/opt/softwareag/profiles/IS_default/" + path, instanceHome + "/" + path, productHome + "/" + path}
}

func packaged(path string) []string {
	below := "/packages/WmAPIGateway/config/resources/" + path
	return []string{instanceHome + below, productHome + below}
}

// old is the container that a target replaces, or "".
func (s *Server) old(target string) string {
	if s.Containers.Old == nil {
		return ""
	}
	return s.Containers.Old(target)
}

// Outside is the name of the file that a path in the image is, or "": of one that every node must have, and that is not
// in the data store. The path may begin with a template such as {{.Home}}.
func Outside(path string) string {
	if i := strings.LastIndex(path, "}}"); i >= 0 {
		path = path[i+2:]
	}
	for name, places := range outside {
		if slices.ContainsFunc(places, func(place string) bool { return strings.HasSuffix(place, path) }) {
			return name
		}
	}
	return ""
}

// files are the hashes of what a container has of those files, by their usual names.
func (s *Server) files(ctx context.Context, target string, names ...string) (map[string]string, error) {
	if s.Containers.Hashes == nil {
		return map[string]string{}, nil
	}
	var paths []string
	for _, name := range names {
		paths = append(paths, outside[name]...)
	}
	hashes, err := s.Containers.Hashes(ctx, target, paths)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, name := range names {
		for _, path := range outside[name] {
			if hash, ok := hashes[path]; ok {
				found[name] = hash
				break
			}
		}
	}
	return found, nil
}

// filesGate is open when the files outside the data store are those of the old node, but for those that may differ.
// With another master password, for one, a node can't read the passwords that are in the data store.
func (s *Server) filesGate(ctx context.Context, target string, place cutover.Place, mayDiffer []string) gate {
	return s.settled.once("files", target, place, func() (bool, string, error) {
		old := s.old(target)
		if old == "" {
			return true, "", nil
		}
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(outside)), func(name string) bool { return slices.Contains(mayDiffer, name) })
		expected, err := s.files(ctx, old, names...)
		if err != nil {
			return false, "", fmt.Errorf("compare the files outside the data store: %w", err)
		}
		names = slices.DeleteFunc(names, func(name string) bool { return expected[name] == "" })
		if len(names) == 0 {
			return true, "", nil
		}
		found, err := s.files(ctx, target, names...)
		if err != nil {
			return false, "", fmt.Errorf("compare the files outside the data store: %w", err)
		}
		var differ []string
		for _, name := range names {
			switch hash, there := found[name]; {
			case !there:
				differ = append(differ, name+" is not there")
			case hash != expected[name]:
				differ = append(differ, name+" is another one than on the old node")
			}
		}
		if len(differ) > 0 {
			return false, "files outside the data store: " + strings.Join(differ, ", ") + " (put it into image.files or into a mount, or name it in driver.files_may_differ)", nil
		}
		return true, fmt.Sprintf("files outside the data store: %d as on the old node", len(names)), nil
	})
}
