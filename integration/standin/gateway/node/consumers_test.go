package node

import (
	"slices"
	"testing"
	"time"

	"github.com/cutover/cutover/integration/standin/datastore/store"
)

const someTriggers = "jms:orders.jms:onOrder=orders;messaging:billing.trg:onBill=billing;mqtt:iot.trg:onBeat=beats"

func consuming(t *testing.T, more map[string]string) (r *rig, quiesce string) {
	t.Helper()
	settings := map[string]string{"TRIGGERS": someTriggers, "TRIGGER_WORK": "1ms"}
	for key, value := range more {
		settings[key] = value
	}
	return plain(t, IntegrationServer, settings)
}

// second starts another node of the same data store.
func (r *rig) second(change func(*Config)) *rig {
	r.t.Helper()
	cfg := r.cfg
	cfg.Name, cfg.ClientID, cfg.Home = "node-b", "node-b", r.t.TempDir()
	if change != nil {
		change(&cfg)
	}
	return run(r.t, cfg, r.store)
}

func (r *rig) queue(name string) (out store.Queue) {
	r.call("GET", r.store.URL+"/queues/"+name, "", &out)
	return out
}

func (r *rig) enqueue(queue, ids string) {
	r.call("POST", r.store.URL+"/queues/"+queue, `{"ids":[`+ids+`]}`, nil)
}

func (r *rig) processed(queue string) (ids []string) {
	for _, p := range r.queue(queue).Processed {
		ids = append(ids, p.ID)
	}
	return ids
}

type jmsTrigger struct {
	Name    string `json:"node_nsName"`
	Trigger struct{ State, CurrentThreads string }
}

func (r *rig) jms() jmsTrigger {
	var out struct{ TriggerDataList []jmsTrigger }
	r.invoke("wm.server.jms/getTriggerReport", "", &out)
	return out.TriggerDataList[0]
}

type messagingTrigger struct {
	Name                              string
	RetrievalStatus, ProcessingStatus struct{ State string }
	ActiveThreadCount                 string
}

func (r *rig) messaging() messagingTrigger {
	var out struct{ Triggers []messagingTrigger }
	r.invoke("wm.server.triggers/getTriggerReport", "", &out)
	return out.Triggers[0]
}

func (r *rig) connected() string {
	var out struct {
		AliasDataList []struct{ ClientID, Enabled, Connected string }
	}
	r.invoke("wm.server.jms/getConnectionAliasReport", "", &out)
	return out.AliasDataList[0].Connected
}

func TestTriggersWorkInOrderFromTheStart(t *testing.T) {
	r, _ := consuming(t, nil)
	for _, queue := range []string{"orders", "billing", "beats"} {
		r.enqueue(queue, `"1","2","3"`)
		r.until("all of "+queue, func() bool { return slices.Equal(r.processed(queue), []string{"1", "2", "3"}) })
	}
	if r.jms().Name != "orders.jms:onOrder" || r.jms().Trigger.State != triggerEnabled || r.connected() != "true" {
		t.Fatalf("%+v, connected %s", r.jms(), r.connected())
	}
	if p := r.queue("orders").Processed[0]; p.Node != "node-a" || p.Times != 1 {
		t.Fatalf("%+v", p)
	}
}

func TestSuspendedTriggersTakeNothing(t *testing.T) {
	r, _ := consuming(t, nil)
	for _, service := range []string{"pub.trigger/suspendJMSTriggers", "pub.trigger/disableJMSTriggers"} {
		if code := r.invoke(service, `{"triggerNameList":["orders.jms:onOrder"]}`, nil); code != 200 {
			t.Fatalf("%s: %d", service, code)
		}
	}
	if r.jms().Trigger.State != triggerDisabled {
		t.Fatalf("%+v", r.jms())
	}
	r.invoke("pub.trigger/suspendRetrieval", `{"triggerName":"billing.trg:onBill","persistChange":"false"}`, nil)
	r.invoke("wm.server.mqtt/suspendTriggers", `{"triggerName":"iot.trg:onBeat"}`, nil)
	if got := r.messaging(); got.RetrievalStatus.State != "suspended-temp" || got.ProcessingStatus.State != "active" {
		t.Fatalf("%+v", got)
	}
	if code := r.invoke("pub.trigger/suspendRetrieval", `{"triggerName":"orders.jms:onOrder"}`, nil); code != 500 {
		t.Fatalf("not a messaging trigger: %d", code)
	}
	for _, queue := range []string{"orders", "billing", "beats"} {
		r.enqueue(queue, `"1"`)
	}
	r.invoke("pub.trigger/enableJMSTriggers", `{"triggerNameList":["orders.jms:onOrder"]}`, nil)
	r.until("the enabled one works", func() bool { return len(r.processed("orders")) == 1 })
	if len(r.processed("billing"))+len(r.processed("beats")) != 0 {
		t.Fatal("a suspended trigger worked")
	}
	r.invoke("pub.trigger/resumeRetrieval", `{"triggerName":"billing.trg:onBill","persistChange":"true"}`, nil)
	r.until("the resumed one works", func() bool { return len(r.processed("billing")) == 1 })
	if got := r.messaging().RetrievalStatus.State; got != "active" {
		t.Fatal(got)
	}
}

func TestProcessingAloneHoldsWhatWasRetrieved(t *testing.T) {
	r, _ := consuming(t, nil)
	r.invoke("pub.trigger/suspendProcessing", `{"triggerName":"billing.trg:onBill"}`, nil)
	r.enqueue("billing", `"1"`)
	r.until("it is retrieved", func() bool { return r.queue("billing").InFlight == 1 })
	if got := r.messaging().ActiveThreadCount; got != "0" {
		t.Fatalf("threads %s", got)
	}
	r.invoke("wm.server.quiesce/setQuiesceMode", "", nil)
	r.until("quiesce mode gives it back", func() bool { return r.queue("billing").Waiting == 1 })
}

func TestWhatARestartKeeps(t *testing.T) {
	r, _ := consuming(t, map[string]string{
		"TRIGGERS":  "jms:a:one=q1;jms:a:two=q2;messaging:b:one=q3;messaging:b:two=q4",
		"LISTENERS": "FilePolling:orders,Email:inbox,FTP:2121",
	})
	r.invoke("pub.trigger/suspendJMSTriggers", `{"triggerNameList":["a:one"]}`, nil)
	r.invoke("pub.trigger/disableJMSTriggers", `{"triggerNameList":"a:two"}`, nil)
	r.invoke("pub.trigger/suspendRetrieval", `{"triggerName":"b:one","persistChange":"true"}`, nil)
	r.invoke("pub.trigger/suspendRetrieval", `{"triggerName":"b:two","persistChange":"false"}`, nil)
	r.invoke("wm.server.schedule/pauseScheduler", "", nil)
	r.invoke("wm.server.net.listeners/disableListener", `{"listenerKey":"FTPListener@2121","pkg":"Default"}`, nil)
	r.node.Terminate()
	<-r.exit
	again := run(t, r.cfg, r.store)
	states := ""
	for _, trigger := range again.node.consumers.triggers {
		states += trigger.state + trigger.retrieval.String() + " "
	}
	if states != "0active 1active 0suspended 0active " {
		t.Fatal(states)
	}
	var scheduler struct{ State string }
	if again.invoke("wm.server.schedule/getSchedulerState", "", &scheduler); scheduler.State != "running" {
		t.Fatal(scheduler)
	}
	var list struct {
		Listeners []struct{ Key, FactoryKey, Enabled, Listening string }
	}
	again.invoke("wm.server.net.listeners/listListeners", "", &list)
	if len(list.Listeners) != 6 || list.Listeners[3].Enabled != "true" || list.Listeners[5].FactoryKey != "webMethods/FTP" || list.Listeners[5].Enabled != "false" {
		t.Fatalf("%+v", list)
	}
	again.invoke("wm.server.net.listeners/enableListener", `{"listenerKey":"FTPListener@2121"}`, nil)
	again.invoke("wm.server.net.listeners/listListeners", "", &list)
	if list.Listeners[5].Listening != "true" {
		t.Fatalf("%+v", list)
	}
}

func TestQuiesceSuspendsTriggersAndLetsThemFinish(t *testing.T) {
	r, _ := consuming(t, map[string]string{"TRIGGER_WORK": "600ms"})
	r.enqueue("orders", `"1","2"`)
	r.until("it works", func() bool { return r.jms().Trigger.CurrentThreads == "1" })
	if r.running("orders.jms:onOrder_service") != "1" {
		t.Fatal("its service is not among those that run")
	}
	var got quiesceAnswer
	r.invoke("wm.server.quiesce/setQuiesceMode", `{"timeout":1}`, &got)
	if q := r.queue("orders"); len(q.Processed) != 1 || q.Waiting != 1 || q.InFlight != 0 {
		t.Fatalf("%+v", q)
	}
	if r.jms().Trigger.State != triggerSuspended || r.connected() != "false" || r.messaging().RetrievalStatus.State != "suspended-temp" {
		t.Fatalf("%+v %+v", r.jms(), r.messaging())
	}
	r.invoke("wm.server.quiesce/setActiveMode", "", nil)
	r.until("the rest", func() bool { return len(r.processed("orders")) == 2 })
	if r.jms().Trigger.State != triggerEnabled {
		t.Fatalf("%+v", r.jms())
	}
}

func TestAHangingTriggerIsReportedAndHoldsUpADrain(t *testing.T) {
	r, _ := consuming(t, map[string]string{"GATEWAY_FAULT": TriggerHangs})
	r.enqueue("orders", `"1"`)
	r.until("it works", func() bool { return r.jms().Trigger.CurrentThreads == "1" })
	r.invoke("wm.server.admin/shutdown", `{"bounce":"no","option":"drain","timeout":1}`, nil)
	var got quiesceAnswer
	r.invoke("wm.server.quiesce/setQuiesceMode", "", &got)
	if i := slices.IndexFunc(got.Report, func(l reportLine) bool { return l.Message == "orders.jms:onOrder_service is still running" }); i < 0 {
		t.Fatalf("%+v", got)
	}
	select {
	case exit := <-r.exit:
		t.Fatalf("the drain did not wait: %+v", exit)
	default:
	}
	r.invoke("wm.server.admin/shutdown", `{"bounce":"no","option":"force"}`, nil)
	<-r.exit
	if q := r.queue("orders"); q.Waiting != 1 || len(q.Processed) != 0 {
		t.Fatalf("%+v", q)
	}
}

func TestAMessageOfANodeThatCrashedIsDeliveredAgain(t *testing.T) {
	r, _ := consuming(t, map[string]string{"GATEWAY_FAULT": TriggerHangs})
	r.enqueue("orders", `"1"`)
	r.until("it works", func() bool { return r.jms().Trigger.CurrentThreads == "1" })
	r.node.askToEnd(ending{abrupt: true})
	<-r.exit
	b := r.second(func(c *Config) { c.Faults, _ = ParseFaults("") })
	b.until("delivered again", func() bool { return len(b.processed("orders")) == 1 })
	if p := b.queue("orders").Processed[0]; p.Node != "node-b" || p.Times != 2 {
		t.Fatalf("%+v", p)
	}
}

func TestASharedClientIDKeepsTheSecondNodeOut(t *testing.T) {
	r, _ := consuming(t, map[string]string{"CLIENT_ID": "fixed"})
	r.until("the first is connected", func() bool { return r.connected() == "true" })
	b := r.second(func(c *Config) { c.ClientID = "fixed" })
	b.until("the second was refused", func() bool {
		b.node.consumers.mu.Lock()
		defer b.node.consumers.mu.Unlock()
		return b.node.consumers.refused
	})
	if b.connected() != "false" {
		t.Fatal("both are connected")
	}
	r.invoke("wm.server.quiesce/setQuiesceMode", "", nil)
	b.until("the second is connected once the first has let go", func() bool { return b.connected() == "true" })
}

func TestAChangeAcrossTheClusterReachesTheOtherNode(t *testing.T) {
	r, _ := consuming(t, nil)
	b := r.second(nil)
	b.until("both are members", func() bool {
		var out store.Members
		b.call("GET", b.store.URL+"/members", "", &out)
		return out.HealthyNodes == 2
	})
	r.invoke("pub.trigger/suspendJMSTriggers", `{"triggerNameList":["orders.jms:onOrder"],"applyChangeAcrossCluster":"true"}`, nil)
	b.until("suspended there", func() bool { return b.jms().Trigger.State == triggerSuspended })
}

func TestTasksRunOnOneNodeAndAreSuspendedForAll(t *testing.T) {
	r, _ := consuming(t, map[string]string{"TASKS": "orders.jobs:sweep@20ms"})
	b := r.second(nil)
	runs := func() []store.Run {
		var out store.Task
		r.call("GET", r.store.URL+"/tasks/orders.jobs:sweep", "", &out)
		return out.Runs
	}
	r.until("some runs", func() bool { return len(runs()) > 3 })
	for i, run := range runs()[1:] {
		if run.At.Sub(runs()[i].At) < 20*time.Millisecond {
			t.Fatalf("run too early: %+v", runs())
		}
	}
	r.invoke("wm.server.schedule/pauseScheduler", "", nil)
	b.invoke("wm.server.schedule/pauseScheduler", "", nil)
	before := len(runs())
	b.invoke("wm.server.schedule/resumeScheduler", "", nil)
	r.until("the other node goes on", func() bool { return len(runs()) > before+2 })
	if last := runs()[before:]; slices.ContainsFunc(last, func(run store.Run) bool { return run.Node != "node-b" }) {
		t.Fatalf("paused, and ran: %+v", last)
	}
	var list struct {
		Tasks []struct{ Oid, ExecState, Target string }
	}
	r.invoke("wm.server.schedule/getUserTaskList", "", &list)
	r.invoke("wm.server.schedule/suspendUserTask", `{"oid":"`+list.Tasks[0].Oid+`"}`, nil)
	if b.invoke("wm.server.schedule/getUserTaskList", "", &list); list.Tasks[0].ExecState != "suspended" {
		t.Fatalf("%+v", list)
	}
}

func TestConsumersThatDoNotParse(t *testing.T) {
	for key, values := range map[string][]string{
		"TRIGGERS": {"jms", "tea:a:b=q", "jms:a:b", "jms:=q"}, "TASKS": {"a:b", "a:b@soon", "@1s"},
		"LISTENERS": {"FTP", "FTP:x", "Tea:1"}, "EXTENDED_SETTINGS": {"a", "=b"},
	} {
		for _, value := range values {
			if _, err := FromEnv(func(k string) string { return map[string]string{key: value}[k] }); err == nil {
				t.Errorf("%s=%s is accepted", key, value)
			}
		}
	}
}
