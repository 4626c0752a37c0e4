package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const good = `service: api-gateway
containers:
  label: com.docker.compose.service=gateway
  network: edge
members:
  - service: api-gateway
    port: 5555
    check: {http: /rest/apigateway/health, interval: 1s}
consul: {address: "http://127.0.0.1:8500"}
image: {ref: "gateway:2"}
driver: {kind: apigateway, user: Administrator, password_env: PASSWORD}
load_balancers:
  - {name: lb-1, kind: haproxy, stats: "tcp://127.0.0.1:9999", master: "tcp://127.0.0.1:9998"}
strategy:
  hold: 10s
`

func TestGoodConfiguration(t *testing.T) {
	c, err := parse("cutover.yaml", "/etc/cutover", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if c.Strategy.Hold.Std() != 10*time.Second || c.Strategy.Drain.Timeout.Std() != 5*time.Minute || c.Members[0].Check.Timeout.Std() != time.Second {
		t.Errorf("values: %+v", c.Strategy)
	}
	if !c.StateInConsul() {
		t.Errorf("state: %s", c.State)
	}
}

func TestBadInputNamesFileLineAndKey(t *testing.T) {
	for name, test := range map[string]struct{ change, to, want string }{
		"unknown key":       {"  hold: 10s", "  hodl: 10s", `cutover.yaml:15: unknown key "hodl": did you mean "hold"?`},
		"unknown top key":   {"strategy:", "stratgy:", `cutover.yaml:14: unknown key "stratgy": did you mean "strategy"?`},
		"not a duration":    {"hold: 10s", "hold: soon", "cutover.yaml:15: "},
		"no YAML":           {"members:", "members: [", "cutover.yaml:"},
		"a key twice":       {"strategy:", "service: x\nstrategy:", "cutover.yaml:14: "},
		"bad kind":          {"kind: apigateway", "kind: tomcat", `cutover.yaml:11: driver.kind: "tomcat" is not one of apigateway, integrationserver, http, none`},
		"bad port":          {"port: 5555", "port: 99999", "cutover.yaml:7: members[0].port: 99999 is not a port"},
		"no image":          {`image: {ref: "gateway:2"}`, "image: {}", "cutover.yaml:10: image: give ref"},
		"image twice":       {`ref: "gateway:2"`, `ref: "gateway:2", base: b, tag: c`, "image.ref: ref and base exclude"},
		"no label":          {"  label: com.docker.compose.service=gateway\n", "", "containers.label: missing"},
		"no master":         {`, master: "tcp://127.0.0.1:9998"`, "", "cutover.yaml:13: load_balancers[0]: haproxy needs"},
		"no check":          {"    check: {http: /rest/apigateway/health, interval: 1s}\n", "", "members[0].check: give http"},
		"alias":             {"service: api-gateway\ncont", "service: &a api-gateway\nstate: *a\ncont", "YAML aliases are not supported"},
		"bad range":         {"  network: edge", "  network: edge\n  port_range: 5600", "cutover.yaml:5: containers.port_range"},
		"state in CONSUL":   {"strategy:", "state: CONSUL\nstrategy:", "cutover.yaml:14: state: \"CONSUL\": write consul"},
		"half a key pair":   {"user: Administrator,", "user: Administrator, https: true, cert_file: c.pem,", "driver.cert_file: cert_file and key_file belong together"},
		"TLS without TLS":   {"strategy:", "hosts: [{name: a, docker: \"unix:///x\", consul: \"http://c\", tls: {ca_file: c.pem}}]\nstrategy:", "hosts[0].tls: needs hosts[0].docker: tcp://host:port"},
		"bad service name":  {"service: api-gateway\ncont", "service: ../x\ncont", "cutover.yaml:1: service"},
		"blind, no settle":  {"kind: haproxy", "kind: blind", "load_balancers[0].settle: missing"},
		"a service twice":   {"    check: {http: /rest/apigateway/health, interval: 1s}", "    check: {tcp: true}\n  - {service: api-gateway, port: 1, check: {tcp: true}}", "members[1].service: \"api-gateway\": each member"},
		"negative":          {"  hold: 10s", "  min_serving: -1", "cutover.yaml:15: strategy.min_serving: -1 is negative"},
		"carry what":        {"  network: edge", "  network: edge\n  carry: [mpw.dat]", "cutover.yaml:5: containers.carry: \"mpw.dat\" is not the absolute path"},
		"keep it where":     {"  network: edge", "  network: edge\n  keep: [/logs]", "containers.keep: needs keep_folder"},
		"https, no trust":   {"user: Administrator", "user: Administrator, https: true", "cutover.yaml:11: driver.https: needs ca_file"},
		"trust, no https":   {"user: Administrator", "user: Administrator, insecure: true", "cutover.yaml:11: driver: ca_file, server_name and insecure are for https"},
		"unknown quiesce":   {"user: Administrator", "user: Administrator, quiesce: soft", `driver.quiesce: "soft" is not one of all, drain`},
		"drain too long":    {"user: Administrator", "user: Administrator, quiesce: drain, minutes: 5", "driver.minutes: 5 minutes for what still runs don't fit into strategy.timeouts.quiesce (5m0s)"},
		"unknown flush":     {"user: Administrator", "user: Administrator, flush: [metrics]", `driver.flush: "metrics" is not one of license_metrics`},
		"no password":       {", password_env: PASSWORD", "", "driver: give password_file or password_env"},
		"half a webhook":    {"user: Administrator", "user: Administrator, webhook: {url: \"http://ctl:8080/\"}", "driver.webhook.listen"},
		"bad strategy":      {"  hold: 10s", "  kind: canary", `cutover.yaml:15: strategy.kind: "canary" is not one of rolling, bluegreen, cluster`},
		"bad consumers":     {"  hold: 10s", "  consumers: maybe", `strategy.consumers: "maybe" is not one of overlap, exclusive`},
		"secret as a value": {"password_env: PASSWORD", "password: manage", `unknown key "password"`},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Count(good, test.change) != 1 {
				t.Fatalf("%q is not once in the good configuration", test.change)
			}
			_, err := parse("cutover.yaml", "/etc/cutover", []byte(strings.Replace(good, test.change, test.to, 1)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// What a product can't do is refused with what it can.
func TestStrategiesThatAProductCannotCarryOut(t *testing.T) {
	for name, test := range map[string]struct{ driver, strategy, want string }{
		"blue-green":                            {"integrationserver", "bluegreen", "use rolling"},
		"a cluster of nobody":                   {"none", "cluster", "for products that make a cluster"},
		"a cluster that says nothing of itself": {"integrationserver", "cluster", "driver.separate: strategy.kind cluster needs name, addresses and database"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, "kind: apigateway", "kind: "+test.driver, 1)
			text = strings.Replace(text, "  hold: 10s", "  kind: "+test.strategy, 1)
			if _, err := parse("cutover.yaml", "/etc/cutover", []byte(text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestSecretsComeFromFilesAndVariables(t *testing.T) {
	c := Config{Folder: t.TempDir()}
	if err := os.WriteFile(c.Path("password"), []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Secret("the password", "password", ""); got != "s3cret" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	t.Setenv("CUTOVER_TEST_PASSWORD", "other")
	if got, err := c.Secret("the password", "", "CUTOVER_TEST_PASSWORD"); got != "other" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := c.Secret("the password", "", "CUTOVER_TEST_NOT_SET"); err == nil || !strings.Contains(err.Error(), "CUTOVER_TEST_NOT_SET") {
		t.Errorf("got %v", err)
	}
}

// Who can write to the configuration can have anything done to the fleet.
func TestConfigurationThatEverybodyMayWriteIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cutover.yaml")
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "chmod o-w "+path) {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		_, err := parse("cutover.yaml", "/", data)
		if err != nil && !strings.HasPrefix(err.Error(), "cutover.yaml") {
			t.Errorf("the error does not name the file: %v", err)
		}
	})
}
