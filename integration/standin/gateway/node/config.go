// Package node is one node of a webMethods API Gateway cluster, or a plain
// Integration Server or Microservices Runtime, as far as a rolling replacement
// can tell: its administration API, its ports, its quiesce mode, counters that
// live in memory until they are flushed, and its faults.
//
// It follows the API definitions and tutorials that the vendor publishes in the
// GitHub repository SoftwareAG/webmethods-api-gateway (APIGatewayAdministration,
// APIGatewayAvailability, APIGatewayPortManagement) and the documentation of
// Integration Server 10.15. README.md in integration/standin says where these
// are silent and what is done here instead.
package node

import (
	"os"
	"time"
)

// Config is everything that an environment variable can set. AdminPort and
// DiagnosticPort of 0 take a free one, for tests in one process.
type Config struct {
	Product        string            // STANDIN_PRODUCT; default apigateway
	Name           string            // GATEWAY_NODE; default: the host name
	Version        string            // GATEWAY_VERSION, set by the image
	User           string            // GATEWAY_USER; default Administrator
	Password       string            // GATEWAY_PASSWORD; default manage
	Scheduler      string            // SCHEDULER_NAME: must differ between nodes of a cluster
	Home           string            // HOME_IS: the instance's folder, with packages and config in it
	DataStore      string            // DATASTORE, as http://datastore:9240; empty: not clustered
	Alone          bool              // CLUSTER_AWARE=false: not clustered, although there is a data store
	ClusterName    string            // apigw_cluster_name; default demo
	TSAURLs        string            // apigw_cluster_tsaUrls: shown only
	IgniteHosts    string            // apigw_cluster_ignite_hostnames: shown only
	Host           string            // GATEWAY_HOST: address to listen on; default all
	AdminPort      int               // GATEWAY_PORT; default 5555
	DiagnosticPort int               // GATEWAY_DIAGNOSTIC_PORT; default 9999
	HTTPSPort      int               // GATEWAY_HTTPS_PORT; default none. Negative: a free one
	QuiescePort    int               // QUIESCE_PORT: is there, enabled and set, when it starts; default none. Negative: a free one
	StartTime      time.Duration     // GATEWAY_START; default 2s
	StartAnswers   bool              // GATEWAY_START_MODE=503: ports are open and answer 503 while it starts; default closed
	EngineDelay    time.Duration     // GATEWAY_ENGINE_DELAY; default 500ms: health is 200 that long before the engine is green
	QuiesceTime    time.Duration     // GATEWAY_QUIESCE_TIME; default 1s
	StopTime       time.Duration     // GATEWAY_STOP_TIME; default 1s
	Settings       map[string]string // EXTENDED_SETTINGS=k=v,k=v: more extended settings (watt.…)
	WmAdmin        string            // WMADMIN: what POST /admin/server takes, force (default) or when; none: no WmAdmin
	ClientID       string            // CLIENT_ID of the connection to the messaging provider; default: the node's name
	Triggers       []TriggerSpec     // TRIGGERS
	TriggerWork    time.Duration     // TRIGGER_WORK: what a trigger's or a task's service takes; default 50ms
	Tasks          []TaskSpec        // TASKS
	Listeners      []ListenerSpec    // LISTENERS
	Faults         Faults            // GATEWAY_FAULT
	Logf           func(format string, args ...any)
}

// FromEnv reads the configuration through getenv (os.Getenv, usually).
func FromEnv(getenv func(string) string) (Config, error) {
	e := &env{get: getenv}
	host, _ := os.Hostname()
	c := Config{
		Product:        e.oneOf("STANDIN_PRODUCT", APIGateway, IntegrationServer, Microservices),
		Name:           e.text("GATEWAY_NODE", host),
		Version:        e.text("GATEWAY_VERSION", "dev"),
		User:           e.text("GATEWAY_USER", "Administrator"),
		Password:       e.text("GATEWAY_PASSWORD", "manage"),
		Scheduler:      getenv("SCHEDULER_NAME"),
		Home:           e.text("HOME_IS", "/opt/softwareag/IntegrationServer/instances/default"),
		DataStore:      getenv("DATASTORE"),
		Alone:          e.oneOf("CLUSTER_AWARE", "true", "false") == "false",
		ClusterName:    e.text("apigw_cluster_name", "demo"),
		TSAURLs:        getenv("apigw_cluster_tsaUrls"),
		IgniteHosts:    getenv("apigw_cluster_ignite_hostnames"),
		Host:           getenv("GATEWAY_HOST"),
		AdminPort:      e.number("GATEWAY_PORT", "5555"),
		DiagnosticPort: e.number("GATEWAY_DIAGNOSTIC_PORT", "9999"),
		HTTPSPort:      e.number("GATEWAY_HTTPS_PORT", "0"),
		QuiescePort:    e.number("QUIESCE_PORT", "0"),
		StartTime:      e.duration("GATEWAY_START", "2s"),
		StartAnswers:   e.oneOf("GATEWAY_START_MODE", "closed", "503") == "503",
		EngineDelay:    e.duration("GATEWAY_ENGINE_DELAY", "500ms"),
		QuiesceTime:    e.duration("GATEWAY_QUIESCE_TIME", "1s"),
		StopTime:       e.duration("GATEWAY_STOP_TIME", "1s"),
		Settings:       e.pairs("EXTENDED_SETTINGS"),
		ClientID:       e.text("CLIENT_ID", e.text("GATEWAY_NODE", host)),
		Triggers:       e.triggers("TRIGGERS"),
		TriggerWork:    e.duration("TRIGGER_WORK", "50ms"),
		Tasks:          e.tasks("TASKS"),
		Listeners:      e.listeners("LISTENERS"),
		WmAdmin:        e.oneOf("WMADMIN", "force", "when", "none"),
	}
	var cause error
	c.Faults, cause = ParseFaults(getenv("GATEWAY_FAULT"))
	e.fail("GATEWAY_FAULT", cause)
	return c, e.err
}
