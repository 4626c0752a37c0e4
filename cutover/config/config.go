// Package config reads cutover.yaml: strictly, with an error that names the file, the line and the key.
package config

import "time"

// Config is cutover.yaml. Secrets are never values in it: it names the files and variables that hold them.
type Config struct {
	Service       string         `yaml:"service"`
	Hosts         []Host         `yaml:"hosts"`
	Containers    Containers     `yaml:"containers"`
	Members       []Member       `yaml:"members"`
	Consul        Consul         `yaml:"consul"`
	Image         Image          `yaml:"image"`
	Driver        Driver         `yaml:"driver"`
	LoadBalancers []LoadBalancer `yaml:"load_balancers"`
	Probe         Probe          `yaml:"probe"`
	Strategy      Strategy       `yaml:"strategy"`
	State         string         `yaml:"state"` // consul (default), or a folder of this machine: file:///var/lib/cutover

	Folder string `yaml:"-"` // of the file: relative paths start here
}

// Host is one Docker engine.
type Host struct {
	Name   string `yaml:"name"`
	Docker string `yaml:"docker"` // unix:///path or tcp://host:port; default: DOCKER_HOST, or the local engine
	TLS    TLS    `yaml:"tls"`    // for tcp://
	Consul string `yaml:"consul"` // the agent that owns this host's registrations; default: consul.address
	Addr   string `yaml:"addr"`   // where published ports are reached, with containers.publish
}

// Containers says which containers are the fleet and how they are cloned.
type Containers struct {
	Label       string   `yaml:"label"`
	Network     string   `yaml:"network"`
	Publish     bool     `yaml:"publish"`
	PortRange   string   `yaml:"port_range"`
	Share       []string `yaml:"share"`
	Env         Env      `yaml:"env"`
	Carry       []string `yaml:"carry"`       // paths copied from the old container to the new one before it starts
	Keep        []string `yaml:"keep"`        // paths exported before an old container is removed
	KeepFolder  string   `yaml:"keep_folder"` // where to; the log goes there too
	Stores      []string `yaml:"stores"`      // where a container keeps what is nowhere else; default: the product's
	StopTimeout Duration `yaml:"stop_timeout"`
}

// Env changes the environment of new containers.
type Env struct {
	Set   map[string]string `yaml:"set"` // {{.Name}} is the new container's name
	Unset []string          `yaml:"unset"`
}

// Member is one Consul service that every container is an instance of.
type Member struct {
	Service string            `yaml:"service"`
	Port    int               `yaml:"port"`
	Check   Check             `yaml:"check"`
	Via     []string          `yaml:"via"`  // the load balancers that route it; default: all
	Tags    []string          `yaml:"tags"` // default, as meta and weights: the adopted registration's
	Meta    map[string]string `yaml:"meta"`
	Weights *Weights          `yaml:"weights"`
}

// Weights are Consul's.
type Weights struct {
	Passing int `yaml:"passing"`
	Warning int `yaml:"warning"`
}

// Check is Consul's health check of a member.
type Check struct {
	HTTP     string   `yaml:"http"` // path
	TCP      bool     `yaml:"tcp"`
	Interval Duration `yaml:"interval"`
	Timeout  Duration `yaml:"timeout"`
}

// Consul is where registrations go.
type Consul struct {
	Address   string `yaml:"address"`
	TokenFile string `yaml:"token_file"`
	TokenEnv  string `yaml:"token_env"`
	TLS       TLS    `yaml:"tls"` // for https://
}

// TLS is whom a server is trusted by, and who we are to it. The files hold PEM.
type TLS struct {
	CAFile     string `yaml:"ca_file"` // default: the system's authorities
	CertFile   string `yaml:"cert_file"`
	KeyFile    string `yaml:"key_file"`
	ServerName string `yaml:"server_name"` // in the certificate; default: the address
}

// Driver says what product runs in the containers.
type Driver struct {
	Kind           string   `yaml:"kind"` // apigateway, integrationserver, http or none
	User           string   `yaml:"user"`
	PasswordFile   string   `yaml:"password_file"`
	PasswordEnv    string   `yaml:"password_env"`
	Port           int      `yaml:"port"`
	HTTPS          bool     `yaml:"https"` // of port; the quiesce and the diagnostic port speak HTTP
	CAFile         string   `yaml:"ca_file"`
	CertFile       string   `yaml:"cert_file"` // a client's certificate, with its key
	KeyFile        string   `yaml:"key_file"`
	ServerName     string   `yaml:"server_name"` // in the certificate; default: the address
	Insecure       bool     `yaml:"insecure"`    // trust any certificate
	QuiescePort    int      `yaml:"quiesce_port"`
	DiagnosticPort int      `yaml:"diagnostic_port"`
	Flush          []string `yaml:"flush"`
	Quiesce        string   `yaml:"quiesce"`          // apigateway: all (default) or drain; http: path to post to
	Minutes        int      `yaml:"minutes"`          // for what still runs: of drain (default 4), of Integration Server's quiesce (default 1)
	DataStore      string   `yaml:"data_store"`       // external: it is not in the container
	MayDiffer      []string `yaml:"files_may_differ"` // files outside the data store, by name
	ClientIDs      string   `yaml:"client_ids"`       // shared: the messaging provider accepts one twice
	Webhook        Webhook  `yaml:"webhook"`
	Separate       Separate `yaml:"separate"`
	Ready          string   `yaml:"ready"`     // http: path
	Expect         int      `yaml:"expect"`    // http: status of ready, default 200
	Done           string   `yaml:"done"`      // http: path that answers 200 when quiesced
	InFlight       string   `yaml:"in_flight"` // http: path that answers with the number of requests in flight
}

// Webhook is where API Gateway may call when it has quiesced.
type Webhook struct {
	Listen string `yaml:"listen"` // host:port
	URL    string `yaml:"url"`    // of that, as the nodes reach it
}

// Separate names the variables by which a new cluster differs from the old one.
type Separate struct {
	Name      []string `yaml:"name"`
	Addresses []string `yaml:"addresses"` // of Terracotta or Ignite
	Database  []string `yaml:"database"`  // ISInternal
}

// LoadBalancer is one whose word counts.
type LoadBalancer struct {
	Name    string   `yaml:"name"`
	Kind    string   `yaml:"kind"`  // haproxy, nginx or blind
	Stats   string   `yaml:"stats"` // haproxy: tcp://host:port, unix:///path, or the URL of the stats page
	Master  string   `yaml:"master"`
	Backend string   `yaml:"backend"` // default: every backend, by address and port
	Follows string   `yaml:"follows"` // haproxy: reload (default) or runtime
	Members string   `yaml:"members"` // nginx: the URL where its workers say what they run
	Settle  Duration `yaml:"settle"`  // blind
	API     string   `yaml:"api"`     // traefik, fabio: the URL of its API
	From    []string `yaml:"from"`    // where it connects from: see Peer; default: the hosts of stats, master and members

	// For a stats page.
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`
	PasswordEnv  string `yaml:"password_env"`
	CAFile       string `yaml:"ca_file"`
	Insecure     bool   `yaml:"insecure"` // trust any certificate

	// Files of HAProxy and its consul-template on this machine, in HAProxy's order: check reads them.
	Config []string `yaml:"config"`
}

// OnPage reports whether nothing of a load balancer is seen but its stats page.
func (b LoadBalancer) OnPage() bool { return b.Kind == "haproxy" && isPlainURL(b.Stats) }

// Probe is traffic through the front door for the whole cutover.
type Probe struct {
	Requests      []ProbeRequest `yaml:"requests"`
	VersionHeader string         `yaml:"version_header"`
	OnLoss        string         `yaml:"on_loss"` // rollback (default) or report: what the first lost request does
	WarmUp        Duration       `yaml:"warm_up"`
	Timeout       Duration       `yaml:"timeout"`
}

// ProbeRequest is made at a steady rate.
type ProbeRequest struct {
	Method string  `yaml:"method"`
	URL    string  `yaml:"url"`
	Body   string  `yaml:"body"`
	Rate   float64 `yaml:"rate"` // per second
	Expect int     `yaml:"expect"`
}

// Strategy says how fast and how carefully.
type Strategy struct {
	Kind        string   `yaml:"kind"`         // rolling, bluegreen or cluster
	Consumers   string   `yaml:"consumers"`    // overlap or exclusive
	SameRelease bool     `yaml:"same_release"` // the operator's word, where the images do not tell
	MinServing  int      `yaml:"min_serving"`
	MaxSurge    int      `yaml:"max_surge"`
	Start       int      `yaml:"start"`
	Shift       int      `yaml:"shift"`
	Hold        Duration `yaml:"hold"`
	Soak        Duration `yaml:"soak"`
	Drain       Drain    `yaml:"drain"`
	Timeouts    Timeouts `yaml:"timeouts"`
}

// Drain is the budget for work in flight.
type Drain struct {
	Timeout   Duration `yaml:"timeout"`
	OnTimeout string   `yaml:"on_timeout"` // fail or continue
	// Connections that are open in the container itself: auto (default), off, or require, which refuses to start where
	// they can't be seen.
	Sockets  string   `yaml:"sockets"`
	Checkers []string `yaml:"checkers"` // whose connections never count: see Peer
	Others   Duration `yaml:"others"`   // for how long those of anybody else who is no load balancer are waited for
	Idle     Duration `yaml:"idle"`     // after how long without a question a connection is taken for an idle one; default: never
	Classes  []Class  `yaml:"classes"`
}

// Class is a kind of connections that last, with a budget of its own; the first that matches counts.
type Class struct {
	Name      string   `yaml:"name"`
	Backend   string   `yaml:"backend"` // of the load balancers; * stands for anything, or
	Service   string   `yaml:"service"` // of members
	Timeout   Duration `yaml:"timeout"`
	OnTimeout string   `yaml:"on_timeout"` // fail or cut
}

// Timeouts are the deadlines of the other steps.
type Timeouts struct {
	Create  Duration `yaml:"create"`
	Start   Duration `yaml:"start"`
	Join    Duration `yaml:"join"`
	Quiesce Duration `yaml:"quiesce"`
	Remove  Duration `yaml:"remove"`
}

// withDefaults fills in what was not said.
func (c Config) withDefaults() Config {
	if len(c.Hosts) == 0 {
		c.Hosts = []Host{{Name: "local"}}
	}
	for i := range c.Hosts {
		setDefault(&c.Hosts[i].Consul, c.Consul.Address)
	}
	setDefault(&c.Containers.StopTimeout, Duration(90*time.Second))
	for i := range c.Members {
		setDefault(&c.Members[i].Check.Interval, Duration(2*time.Second))
		setDefault(&c.Members[i].Check.Timeout, Duration(time.Second))
	}
	c.Image = c.Image.withDefaults(c.Folder)
	setDefault(&c.Driver.Kind, "none")
	c.Driver = c.Driver.withDefaults()
	if c.Containers.Stores == nil {
		c.Containers.Stores = c.Driver.stores()
	}
	for i := range c.LoadBalancers {
		if c.LoadBalancers[i].Kind == "haproxy" {
			setDefault(&c.LoadBalancers[i].Follows, "reload")
		}
	}
	for i := range c.Probe.Requests {
		setDefault(&c.Probe.Requests[i].Method, "GET")
		setDefault(&c.Probe.Requests[i].Rate, 5)
	}
	setDefault(&c.Probe.OnLoss, "rollback")
	setDefault(&c.Probe.WarmUp, Duration(2*time.Second))
	setDefault(&c.Probe.Timeout, Duration(30*time.Second))
	s := &c.Strategy
	setDefault(&s.Kind, "rolling")
	setDefault(&s.MaxSurge, 1)
	setDefault(&s.Start, 1)
	setDefault(&s.Shift, 1)
	setDefault(&s.Drain.Timeout, Duration(5*time.Minute))
	setDefault(&s.Drain.OnTimeout, "fail")
	setDefault(&s.Drain.Sockets, "auto")
	setDefault(&s.Drain.Others, Duration(10*time.Second))
	setDefault(&s.Timeouts.Create, Duration(time.Minute))
	setDefault(&s.Timeouts.Start, Duration(6*time.Minute))
	setDefault(&s.Timeouts.Join, Duration(time.Minute))
	setDefault(&s.Timeouts.Quiesce, Duration(5*time.Minute))
	setDefault(&s.Timeouts.Remove, Duration(10*time.Minute))
	setDefault(&c.State, "consul")
	return c
}

func (d Driver) withDefaults() Driver {
	if d.HTTPS {
		setDefault(&d.Port, 5543)
	}
	switch d.Kind {
	case "apigateway":
		setDefault(&d.Quiesce, "all")
		setDefault(&d.Minutes, 4)
		if len(d.Separate.Name) == 0 {
			d.Separate.Name = []string{"apigw_cluster_name"}
		}
		if len(d.Separate.Addresses) == 0 {
			d.Separate.Addresses = []string{"apigw_cluster_tsaUrls", "apigw_cluster_ignite_hostnames"}
		}
	case "integrationserver":
		setDefault(&d.Minutes, 1)
	}
	return d
}

// stores are where a server keeps documents that were published while the messaging provider was away, those that
// triggers have not worked on yet, and open XA transactions (Integration Server Administrator's Guide, "Configuring
// Document Stores" and "Configuring the XA Recovery Store").
func (d Driver) stores() []string {
	if d.Kind != "apigateway" && d.Kind != "integrationserver" {
		return nil
	}
	const home = "/opt/softwareag/IntegrationServer/"
	return []string{home + "DocumentStore", home + "XAStore", home + "instances/default/DocumentStore", home + "instances/default/XAStore"}
}

func setDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}
