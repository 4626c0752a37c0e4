package docker

import (
	"fmt"
	"strings"
	"text/template"
	"time"
)

// Options say how the fleet's containers are found, reached and cloned.
type Options struct {
	Service string // the rollout's service, for labels
	Rollout string // the rollout's id, for labels
	Host    string // the engine's name in the configuration

	Label    string // key=value or key, several with commas between them: the running containers that have all of them are the fleet
	Network  string // the network whose address is used, or
	Publish  bool   // the host's address and the published port
	HostAddr string // the host's address, when Publish is set

	Ports []int    // where fixed host ports may be moved to
	Share []string // volumes and host paths that old and new may both write to
	Carry []string // paths that are copied from the old container to the new one before that starts

	Keep       []string // paths that are exported before an old container is removed, and its log, to
	KeepFolder string   // a folder of this machine; empty: nothing is exported

	Stores  []string      // paths of a container where it keeps what is nowhere else
	LaidOut time.Duration // after its creation a container's stores are as it first laid them out

	SetEnv   map[string]string
	UnsetEnv []string

	StopTimeout time.Duration // from the stop signal to SIGKILL
}

// env renders the variables to set for a new container; {{.Name}} is its name.
func (o Options) env(containerName string) (map[string]string, error) {
	rendered := make(map[string]string, len(o.SetEnv))
	for key, text := range o.SetEnv {
		tmpl, err := template.New(key).Option("missingkey=error").Parse(text)
		if err != nil {
			return nil, fmt.Errorf("containers.env.set.%s: %w", key, err)
		}
		var value strings.Builder
		if err := tmpl.Execute(&value, struct{ Name string }{containerName}); err != nil {
			return nil, fmt.Errorf("containers.env.set.%s: %w", key, err)
		}
		rendered[key] = value.String()
	}
	return rendered, nil
}
