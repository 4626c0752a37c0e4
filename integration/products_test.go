//go:build integration

package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cutover/cutover/cutover"
)

// whole carries a rollout out under load, and asserts that nothing was lost and everything was counted.
func (s *stack) whole(want ...string) {
	s.Helper()
	load := s.traffic()
	got := s.cutover("apply", "--yes", "--report", "report.json")
	sent := load.end()
	if got.code != 0 {
		s.Fatalf("exit %d", got.code)
	}
	for _, text := range want {
		if !strings.Contains(got.stdout, text) {
			s.Errorf("%q is not in what it printed", text)
		}
	}
	made := s.report()
	if made.Outcome != cutover.Done || made.Probe.Lost != 0 || made.Probe.Requests == 0 {
		s.Errorf("report: %+v", made)
	}
	news := s.isNew(made.Rollout)
	if s.product.real {
		return // what it has counted only the stand-in tells
	}
	served := int64(sent.Requests-sent.Resets) + made.Probe.Requests + s.asked // nginx carries none out that meets its reload
	s.hasCounted(served, news...)
}

// goesBack carries a rollout out under load until a step of this kind moves the second node, has another terminal abort
// it, and asserts that it went back with nothing lost.
func (s *stack) goesBack(at cutover.Kind) {
	s.Helper()
	load := s.traffic()
	run := s.begin("apply", "--yes", "--report", "report.json")
	s.await(time.Minute, fmt.Sprintf("the second node's %s step", at), func() bool { return inFlight(s.journal(), at, s.fleet[1]) })
	if asked := s.cutover("abort"); asked.code != 0 {
		s.Errorf("abort: exit %d", asked.code)
	}
	got := s.finish(run)
	load.end()
	if got.code != 2 || s.report().Probe.Lost != 0 {
		s.Errorf("exit %d", got.code)
	}
}

// From one fix of the minimal image of 11.x to the next.
func TestMinimalGatewayRollout(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, product: minimalGateway})
	s.whole("clustered, 3 of 3 nodes", "files outside the data store:", "mode ACTIVE")
}

// From 10.15 to 11.1: the files outside the data store are compared although they are elsewhere.
func TestGatewayRolloutToAnotherLayout(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 1, product: product{old: apiGateway.old, fixed: minimalGateway.fixed, check: apiGateway.check, kind: "apigateway"}, config: func(c config) {
		c.driver("files_may_differ", []string{"elasticsearch.yml", "kibana.yml"}) // the minimal image has neither
	}})
	s.whole("files outside the data store:")
}

// A cluster of Microservices Runtimes that also works on queues and schedules: the new ones fetch nothing until the one
// that they replace has stopped, and every message is worked on once, in order.
func TestMicroservicesCluster(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, product: microservices, env: map[string]string{
		"TRIGGERS": "jms:orders.jms:onOrder=orders;messaging:billing.trg:onBill=billing;mqtt:iot.trg:onBeat=beats",
		"TASKS":    "orders.jobs:sweep@1s", "TRIGGER_WORK": "5ms", "LISTENERS": "FilePolling:orders",
	}})
	if refused := s.cutover("apply", "--yes"); refused.code != 1 || !strings.Contains(refused.stderr, "strategy.consumers: exclusive") || !strings.Contains(refused.stderr, "JMS trigger orders.jms:onOrder") {
		t.Errorf("without a word on consumers: exit %d", refused.code)
	}
	s.config.strategy("consumers", "exclusive")
	s.writeConfig()
	messages := s.produce("orders", "billing", "beats")
	s.whole("consumers suspended", "works without the load balancers too", "scheduler name")
	free := map[string][2]time.Time{} // by new node: between these two moments it must not work
	for _, entry := range s.journal().History {
		for _, name := range entry.Step.Targets {
			switch old := slices.Contains(s.fleet, name); {
			case entry.Step.Kind == cutover.Container && entry.Step.To == cutover.Healthy:
				free[s.hostname(name)] = [2]time.Time{entry.Arrived}
			case entry.Step.Kind == cutover.Container && entry.Step.From == cutover.Healthy && old:
				fresh := s.hostname(name + "." + s.report().Rollout)
				free[fresh] = [2]time.Time{free[fresh][0], entry.Ended}
			}
		}
	}
	for queue, processed := range messages.end() {
		early := 0
		for _, m := range processed {
			if between, isNew := free[m.Node]; isNew && m.At.After(between[0]) && m.At.Before(between[1]) {
				t.Errorf("%s of %s was worked on by a new node at %s, between %s and %s", m.ID, queue, m.At, between[0], between[1])
				break
			} else if isNew && m.At.Before(between[0]) {
				early++
			}
		}
		t.Logf("queue %s: %d messages of %d before a new node could be asked to suspend", queue, early, len(processed))
	}
}

// The way back suspends the new ones again before the old ones work.
func TestMicroservicesClusterGoesBack(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, product: microservices, env: map[string]string{"TRIGGERS": "jms:orders.jms:onOrder=orders", "TRIGGER_WORK": "5ms"}, config: func(c config) {
		c.strategy("consumers", "exclusive")
	}})
	before := s.ids()
	messages := s.produce("orders")
	s.goesBack(cutover.Member)
	s.isOld(before)
	messages.end()
}

// A full Integration Server, alone, administered over HTTPS, whose consumers may overlap.
func TestIntegrationServerAlone(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{
		nodes: 1, product: integrationServer,
		env: map[string]string{"TRIGGERS": "jms:orders.jms:onOrder=orders", "TRIGGER_WORK": "5ms"},
		config: func(c config) {
			c.strategy("consumers", "overlap")
			c.driver("https", true)
			c.driver("insecure", true)
		},
	})
	messages := s.produce("orders")
	s.whole("ping 200", "quiesce: suspend triggers and tasks")
	messages.end()
}

// A node alone, on a data store outside its container: frozen while its replacement starts.
func TestBlueGreen(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 1, env: map[string]string{"CLUSTER_AWARE": "false", "apigw_elasticsearch_hosts": "datastore:9240"}, config: func(c config) {
		c.strategy("kind", "bluegreen")
	}})
	s.whole("active -> frozen", "frozen -> quiesced")
}

// The way back of blue-green unfreezes, and restarts nothing that was not quiesced.
func TestBlueGreenGoesBack(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 1, env: map[string]string{"CLUSTER_AWARE": "false", "apigw_elasticsearch_hosts": "datastore:9240"}, config: func(c config) {
		c.strategy("kind", "bluegreen")
		c.setEnv("GATEWAY_FAULT", "engine-red")
		c.timeout("start", "5s")
	}})
	before, started := s.ids(), s.startedAt(s.fleet[0])
	if got := s.cutover("apply", "--yes"); got.code != 2 || !strings.Contains(got.stdout, "frozen -> active") {
		t.Errorf("exit %d", got.code)
	}
	s.isOld(before)
	if now := s.startedAt(s.fleet[0]); now != started {
		t.Errorf("%s was restarted", s.fleet[0])
	}
	if status := s.write(s.fleet[0]); status != 200 {
		t.Errorf("a change of the configuration is answered with %d", status)
	}
}

// An embedded data store goes with its container.
func TestBlueGreenRefusesAnEmbeddedDataStore(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 1, env: map[string]string{"CLUSTER_AWARE": "false"}, config: func(c config) { c.strategy("kind", "bluegreen") }})
	if got := s.cutover("apply", "--yes"); got.code != 1 || !strings.Contains(got.stderr, "driver.data_store: external") {
		t.Errorf("exit %d", got.code)
	}
}

// A whole new set, a cluster of its own, next to the old one.
func TestWholeCluster(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, env: map[string]string{"apigw_cluster_name": "blue", "apigw_cluster_tsaUrls": "tsa-blue:9510"}, config: func(c config) {
		c.strategy("kind", "cluster")
		c.strategy("start", 2)
	}})
	if got := s.cutover("apply", "--yes"); got.code != 1 || !strings.Contains(got.stderr, "apigw_cluster_name is the same for both") || !strings.Contains(got.stderr, "Terracotta or Ignite addresses of its own") {
		t.Errorf("a set that would join the old cluster: exit %d", got.code)
	}
	s.config.setEnv("apigw_cluster_name", "green")
	s.config.setEnv("apigw_cluster_tsaUrls", "tsa-green:9510")
	s.writeConfig()
	s.whole("do not carry over", "clustered, 2 of 2 nodes")
}

// The way back of a whole cluster: the old nodes are their own cluster again.
func TestWholeClusterGoesBack(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, env: map[string]string{"apigw_cluster_name": "blue", "apigw_cluster_tsaUrls": "tsa-blue:9510"}, config: func(c config) {
		c.strategy("kind", "cluster")
		c.strategy("start", 2)
		c.setEnv("apigw_cluster_name", "green")
		c.setEnv("apigw_cluster_tsaUrls", "tsa-green:9510")
	}})
	before := s.ids()
	s.goesBack(cutover.Workload)
	s.isOld(before)
}

// A new release of a stateful Integration Server cluster can't be rolled.
func TestAnotherReleaseOfAStatefulCluster(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 1, product: microservices, config: func(c config) {
		c["image"] = config{"ref": "cutover-demo/gateway:11.1.0.1"}
	}})
	if got := s.cutover("apply", "--yes"); got.code != 1 || !strings.Contains(got.stderr, "is of release 11.1") || !strings.Contains(got.stderr, "Cluster Upgrade Guidelines") {
		t.Errorf("exit %d", got.code)
	}
}

// The vendor's other procedure: shutdown by drain.
func TestDrainInPlaceOfQuiesce(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, config: func(c config) {
		c.driver("quiesce", "drain")
		c.driver("minutes", 1)
		c.timeout("quiesce", "90s")
	}})
	load := s.traffic()
	got := s.cutover("apply", "--yes", "--report", "report.json")
	load.end()
	if got.code != 0 || !strings.Contains(got.stdout, "option drain, up to 1 minutes") || s.report().Probe.Lost != 0 {
		t.Errorf("exit %d", got.code)
	}
	s.isNew(s.report().Rollout)
}

// A version without quiescemode is quiesced as an Integration Server; the plan says what that costs.
func TestGatewayWithoutQuiescemode(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{nodes: 2, env: map[string]string{"GATEWAY_FAULT": "quiescemode-missing"}, config: func(c config) { c.unsetEnv("GATEWAY_FAULT") }})
	load := s.traffic()
	got := s.cutover("apply", "--yes", "--report", "report.json")
	load.end()
	if got.code != 0 || !strings.Contains(got.stdout, "10.5 needs Fix 9") || s.report().Probe.Lost != 0 {
		t.Errorf("exit %d", got.code)
	}
	s.isNew(s.report().Rollout)
}

// Where the documentation is silent, each behaviour that there could be.
func TestGatewayRolloutWhereTheDocumentationIsSilent(t *testing.T) {
	t.Parallel()
	for _, behaviour := range []string{
		"quiesced-client=reset,shutdown-survives,ports-synchronised,mode-field=isQuiesceMode",
		"quiesced-client=503,diagnostic-closed,webhook-early,designtime-blocks-ports",
	} {
		t.Run(behaviour, func(t *testing.T) {
			newStack(t, options{nodes: 2, env: map[string]string{"GATEWAY_FAULT": behaviour}}).whole()
		})
	}
}
