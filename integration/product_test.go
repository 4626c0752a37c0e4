//go:build integration

package integration

import (
	"maps"
	"os"
	"strings"
	"testing"
)

// product is what runs in the fleet's containers.
type product struct {
	old, fixed string // images
	check      string // path of the health check
	kind       string // driver.kind
	env        map[string]string
	real       bool // not the stand-in, which tells what it has counted and fails when it is told to
}

// ping is answered by every Integration Server, without a password.
const ping = "/invoke/wm.server/ping"

// path is one that the product answers with 200.
func (p product) path() string {
	if p.real {
		return ping
	}
	return "/gateway/hello"
}

// named takes the stand-in's images, or real ones where variables name them: CUTOVER_APIGW_IMAGE and
// CUTOVER_APIGW_FIXED_IMAGE, CUTOVER_MSR_IMAGE and CUTOVER_MSR_FIXED_IMAGE. A real fleet finds its data store by
// CUTOVER_ENV, such as "apigw_elasticsearch_hosts=10.0.0.9:9240;apigw_cluster_name=it".
func (p product) named(prefix string) product {
	image := os.Getenv("CUTOVER_" + prefix + "_IMAGE")
	if image == "" {
		return p
	}
	p.real, p.old, p.fixed = true, image, os.Getenv("CUTOVER_"+prefix+"_FIXED_IMAGE")
	p.env = maps.Clone(p.env)
	if p.env == nil {
		p.env = map[string]string{}
	}
	for entry := range strings.SplitSeq(os.Getenv("CUTOVER_ENV"), ";") {
		if key, value, ok := strings.Cut(entry, "="); ok {
			p.env[key] = value
		}
	}
	return p
}

// The products, stood in for; a real image takes the place of the stand-in where a variable names one. Then the same
// rollouts run, without what only the stand-in can tell.
var (
	apiGateway = product{
		old: "cutover-demo/gateway:10.15.0.17", fixed: "cutover-demo/gateway:10.15.0.18", check: "/rest/apigateway/health", kind: "apigateway",
	}.named("APIGW")
	// The minimal image of 11.x has another layout.
	minimalGateway = product{
		old: "cutover-demo/gateway:11.1.0.1", fixed: "cutover-demo/gateway:11.1.0.2", check: "/rest/apigateway/health", kind: "apigateway",
	}
	microservices = product{
		old: "cutover-demo/msr:10.15.0.16", fixed: "cutover-demo/msr:10.15.0.17", check: ping, kind: "integrationserver",
		env: map[string]string{"QUIESCE_PORT": "4444"},
	}.named("MSR")
	integrationServer = product{
		old: "cutover-demo/is:10.15.0.1", fixed: "cutover-demo/is:10.15.0.2",
		check: ping, kind: "integrationserver", env: map[string]string{"QUIESCE_PORT": "4444"},
	}
)

// needsStandIn skips a test that tells the product to misbehave, or asks it what only the stand-in tells.
func (s *stack) needsStandIn() {
	if s.product.real {
		s.Skip("only the stand-in can be told to")
	}
}

// usable skips where a real image is named, and no fixed one.
func (p product) usable(t *testing.T) {
	t.Helper()
	if p.fixed == "" {
		t.Skip("the fixed image is not named: see named in product_test.go")
	}
}

// setEnv adds to the variables of new containers.
func (c config) setEnv(key, value string) {
	c["containers"].(config)["env"].(config)["set"].(config)[key] = value
}

// unsetEnv takes variables of the old containers away from the new ones.
func (c config) unsetEnv(keys ...string) { c["containers"].(config)["env"].(config)["unset"] = keys }

// strategy changes one key of the strategy.
func (c config) strategy(key string, value any) { c["strategy"].(config)[key] = value }

// timeout changes one deadline.
func (c config) timeout(key, value string) {
	c["strategy"].(config)["timeouts"].(config)[key] = value
}

// driver changes one key of the driver.
func (c config) driver(key string, value any) { c["driver"].(config)[key] = value }
