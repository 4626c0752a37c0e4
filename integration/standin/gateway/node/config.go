// Package node is one node of a webMethods API Gateway cluster, as far as a
// rolling replacement can tell: its administration API, its ports, its quiesce
// mode, counters that live in memory until they are flushed, and its faults.
//
// It follows the API definitions and tutorials that the vendor publishes in the
// GitHub repository SoftwareAG/webmethods-api-gateway (APIGatewayAdministration,
// APIGatewayAvailability, APIGatewayPortManagement) and the documentation of
// Integration Server 10.15. README.md in integration/standin says where these
// are silent and what is done here instead.
package node

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// Config is everything that an environment variable can set, and the ports. A
// port of 0 takes a free one, for tests in one process.
type Config struct {
	Name           string        // GATEWAY_NODE; default: the host name
	Version        string        // GATEWAY_VERSION, set by the image
	User           string        // GATEWAY_USER; default Administrator
	Password       string        // GATEWAY_PASSWORD; default manage
	Scheduler      string        // SCHEDULER_NAME: must differ between nodes of a cluster
	Home           string        // HOME_IS: the instance's folder, with packages and config in it
	DataStore      string        // DATASTORE, as http://datastore:9240; empty: not clustered
	Host           string        // GATEWAY_HOST: address to listen on; default all
	AdminPort      int           // GATEWAY_PORT; default 5555
	DiagnosticPort int           // GATEWAY_DIAGNOSTIC_PORT; default 9999
	StartTime      time.Duration // GATEWAY_START; default 2s
	StartAnswers   bool          // GATEWAY_START_MODE=503: ports are open and answer 503 while it starts; default closed
	EngineDelay    time.Duration // GATEWAY_ENGINE_DELAY; default 500ms: health is 200 that long before the engine is green
	QuiesceTime    time.Duration // GATEWAY_QUIESCE_TIME; default 1s
	StopTime       time.Duration // GATEWAY_STOP_TIME; default 1s
	Faults         Faults        // GATEWAY_FAULT
	Logf           func(format string, args ...any)
}

// FromEnv reads the configuration through getenv (os.Getenv, usually).
func FromEnv(getenv func(string) string) (Config, error) {
	var err error
	text := func(key, fallback string) string {
		if v := getenv(key); v != "" {
			return v
		}
		return fallback
	}
	fail := func(key string, cause error) {
		if cause != nil && err == nil {
			err = fmt.Errorf("%s: %w", key, cause)
		}
	}
	duration := func(key, fallback string) time.Duration {
		d, cause := time.ParseDuration(text(key, fallback))
		fail(key, cause)
		return d
	}
	number := func(key, fallback string) int {
		n, cause := strconv.Atoi(text(key, fallback))
		fail(key, cause)
		return n
	}
	host, _ := os.Hostname()
	c := Config{
		Name:           text("GATEWAY_NODE", host),
		Version:        text("GATEWAY_VERSION", "dev"),
		User:           text("GATEWAY_USER", "Administrator"),
		Password:       text("GATEWAY_PASSWORD", "manage"),
		Scheduler:      getenv("SCHEDULER_NAME"),
		Home:           text("HOME_IS", "/opt/softwareag/IntegrationServer/instances/default"),
		DataStore:      getenv("DATASTORE"),
		Host:           getenv("GATEWAY_HOST"),
		AdminPort:      number("GATEWAY_PORT", "5555"),
		DiagnosticPort: number("GATEWAY_DIAGNOSTIC_PORT", "9999"),
		StartTime:      duration("GATEWAY_START", "2s"),
		EngineDelay:    duration("GATEWAY_ENGINE_DELAY", "500ms"),
		QuiesceTime:    duration("GATEWAY_QUIESCE_TIME", "1s"),
		StopTime:       duration("GATEWAY_STOP_TIME", "1s"),
	}
	switch mode := text("GATEWAY_START_MODE", "closed"); mode {
	case "closed":
	case "503":
		c.StartAnswers = true
	default:
		fail("GATEWAY_START_MODE", fmt.Errorf("%q is neither closed nor 503", mode))
	}
	var cause error
	c.Faults, cause = ParseFaults(getenv("GATEWAY_FAULT"))
	fail("GATEWAY_FAULT", cause)
	return c, err
}
