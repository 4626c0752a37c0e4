package config

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var serviceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// problems are everything that is wrong with the values, found without touching anything outside.
func (c Config) problems() []problem {
	var found []problem
	say := func(key, format string, args ...any) {
		found = append(found, problem{key, fmt.Sprintf(format, args...)})
	}
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			say(key, "%q is not one of %s", value, strings.Join(allowed, ", "))
		}
	}
	if !serviceName.MatchString(c.Service) {
		say("service", "%q: give the rollout a name of letters, digits, dots, dashes and underscores", c.Service)
	}
	if len(c.Hosts) > 1 {
		say("hosts", "several hosts are not supported yet: one cutover per host")
	}
	c.containerProblems(say)
	c.memberProblems(say)
	if c.Consul.Address == "" {
		say("consul.address", "missing: the address of the local Consul agent, such as http://127.0.0.1:8500")
	}
	c.imageProblems(say)
	c.driverProblems(say, oneOf)
	c.balancerProblems(say, oneOf)
	c.probeProblems(say)
	oneOf("probe.on_loss", c.Probe.OnLoss, "rollback", "report")
	for key, value := range map[string]int{"min_serving": c.Strategy.MinServing, "max_surge": c.Strategy.MaxSurge, "start": c.Strategy.Start, "shift": c.Strategy.Shift} {
		if value < 0 {
			say("strategy."+key, "%d is negative", value)
		}
	}
	oneOf("strategy.kind", c.Strategy.Kind, "rolling", "bluegreen", "cluster")
	if c.Strategy.Consumers != "" {
		oneOf("strategy.consumers", c.Strategy.Consumers, "overlap", "exclusive")
	}
	oneOf("strategy.drain.on_timeout", c.Strategy.Drain.OnTimeout, "fail", "continue")
	oneOf("strategy.drain.sockets", c.Strategy.Drain.Sockets, "auto", "off", "require")
	for i, class := range c.Strategy.Drain.Classes {
		key := fmt.Sprintf("strategy.drain.classes[%d]", i)
		if class.Name == "" || class.Timeout <= 0 || (class.Backend == "") == (class.Service == "") {
			say(key, "give name, timeout, and either backend (a pattern of the load balancers' backends) or service (one of the members')")
		}
		oneOf(key+".on_timeout", class.OnTimeout, "fail", "cut")
		if class.Timeout >= c.Strategy.Drain.Timeout {
			say(key+".timeout", "%s is not shorter than strategy.drain.timeout (%s), which ends the whole drain", class.Timeout.Std(), c.Strategy.Drain.Timeout.Std())
		}
	}
	for _, checker := range c.Strategy.Drain.Checkers {
		if !Peer(checker).valid() {
			say("strategy.drain.checkers", "%s", Peer(checker).remedy())
		}
	}
	if c.State != "consul" && strings.EqualFold(c.State, "consul") {
		say("state", "%q: write consul, or ./%s for a folder", c.State, c.State)
	}
	c.secureProblems(say)
	return found
}

type sayer func(key, format string, args ...any)

func (c Config) probeProblems(say sayer) {
	for i, request := range c.Probe.Requests {
		if u, err := url.Parse(request.URL); err != nil || u.Host == "" {
			say(fmt.Sprintf("probe.requests[%d].url", i), "%q is not a URL", request.URL)
		}
		if request.Rate < 0 || request.Rate > 1000 {
			say(fmt.Sprintf("probe.requests[%d].rate", i), "%g per second is not between 0 and 1000", request.Rate)
		}
	}
}

// secureProblems are certificates without their keys, and certificates where nothing is encrypted.
func (c Config) secureProblems(say sayer) {
	pair := func(key, cert, private string) {
		if (cert == "") != (private == "") {
			say(key, "cert_file and key_file belong together: give both or neither")
		}
	}
	pair("consul.tls", c.Consul.TLS.CertFile, c.Consul.TLS.KeyFile)
	pair("driver.cert_file", c.Driver.CertFile, c.Driver.KeyFile)
	if c.Driver.CertFile != "" && !c.Driver.HTTPS {
		say("driver.cert_file", "needs driver.https: true: a certificate is shown over TLS only")
	}
	if c.Consul.TLS != (TLS{}) && !strings.HasPrefix(c.Consul.Address, "https://") {
		say("consul.tls", "needs a consul.address that begins with https://, not %q", c.Consul.Address)
	}
	for i, host := range c.Hosts {
		key := fmt.Sprintf("hosts[%d].tls", i)
		pair(key, host.TLS.CertFile, host.TLS.KeyFile)
		if host.TLS != (TLS{}) && !strings.HasPrefix(host.Docker, "tcp://") {
			say(key, "needs hosts[%d].docker: tcp://host:port, not %q", i, host.Docker)
		}
		if host.TLS.ServerName != "" {
			say(key+".server_name", "is not supported for Docker: its certificate must have the name in hosts[%d].docker", i)
		}
	}
}

func (c Config) containerProblems(say sayer) {
	if c.Containers.Label == "" {
		say("containers.label", "missing: a label that all containers of the fleet have, such as com.docker.compose.service=gateway")
	}
	if c.Containers.Network == "" && !c.Containers.Publish {
		say("containers.network", "missing: the network whose address is registered (or publish: true, for published ports)")
	}
	if c.Containers.Publish && c.Hosts[0].Addr == "" {
		say("containers.publish", "needs hosts[0].addr, the address at which the load balancers reach published ports")
	}
	for key, paths := range map[string][]string{"containers.carry": c.Containers.Carry, "containers.keep": c.Containers.Keep, "containers.stores": c.Containers.Stores} {
		for _, p := range paths {
			if !path.IsAbs(p) || path.Clean(p) == "/" {
				say(key, "%q is not the absolute path of a file or folder in the container", p)
			}
		}
	}
	if len(c.Containers.Keep) > 0 && c.Containers.KeepFolder == "" {
		say("containers.keep", "needs keep_folder, a folder on this machine")
	}
	if _, err := c.Containers.Ports(); err != nil {
		say("containers.port_range", "%v", err)
	}
}

func (c Config) memberProblems(say sayer) {
	if len(c.Members) == 0 {
		say("members", "missing: at least one Consul service with its port")
	}
	services := map[string]bool{}
	for i, m := range c.Members {
		key := fmt.Sprintf("members[%d]", i)
		if m.Service == "" || services[m.Service] {
			say(key+".service", "%q: each member needs the name of a Consul service of its own", m.Service)
		}
		services[m.Service] = true
		if m.Port < 1 || m.Port > 65535 {
			say(key+".port", "%d is not a port", m.Port)
		}
		if (m.Check.HTTP == "") == !m.Check.TCP {
			say(key+".check", "give http: PATH or tcp: true: Consul does not return a check's definition, so it can't be copied from the old registration")
		}
		if m.Check.HTTP != "" && !strings.HasPrefix(m.Check.HTTP, "/") {
			say(key+".check.http", "%q is not a path", m.Check.HTTP)
		}
	}
}

// Ports are the ports of port_range, such as 5600-5699.
func (c Containers) Ports() ([]int, error) {
	if c.PortRange == "" {
		return nil, nil
	}
	from, to, found := strings.Cut(c.PortRange, "-")
	first, err1 := strconv.Atoi(strings.TrimSpace(from))
	last, err2 := strconv.Atoi(strings.TrimSpace(to))
	if !found || err1 != nil || err2 != nil || first < 1 || last > 65535 || first > last {
		return nil, fmt.Errorf("%q is not a range of ports such as 5600-5699", c.PortRange)
	}
	ports := make([]int, 0, last-first+1)
	for port := first; port <= last; port++ {
		ports = append(ports, port)
	}
	return ports, nil
}

// StateInConsul reports whether journals are kept in Consul.
func (c Config) StateInConsul() bool { return c.State == "consul" }

// StateFolder is the folder that state names, where it is not in Consul.
func (c Config) StateFolder() string { return c.Path(strings.TrimPrefix(c.State, "file://")) }

// Path resolves a path that was given relative to the configuration file.
func (c Config) Path(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.Folder, path)
}

// Secret reads a secret from the file or the variable that the configuration names; "" when it names neither.
func (c Config) Secret(what, file, env string) (string, error) {
	switch {
	case file != "":
		data, err := os.ReadFile(c.Path(file))
		if err != nil {
			return "", fmt.Errorf("read %s: %w", what, err)
		}
		return strings.TrimRight(string(data), "\r\n"), nil
	case env != "":
		value, ok := os.LookupEnv(env)
		if !ok {
			return "", fmt.Errorf("read %s: the variable %s is not set", what, env)
		}
		return value, nil
	}
	return "", nil
}
