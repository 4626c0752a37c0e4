package node

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// reportLine is one line of what setQuiesceMode and setActiveMode report.
type reportLine struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

// What can come before quiescing is over.
var (
	errLeft  = errors.New("the server has left quiesce mode")
	errEnded = errors.New("the server has ended")
)

// beginQuiesce puts the server into quiesce mode, which blocks new work at once:
// every port but the diagnostic and the quiesce port closes, and triggers and the
// scheduler take nothing. Packages are left alone. The function it returns waits for what was in progress on the ports;
// the channel is closed when the mode is left.
func (n *Node) beginQuiesce() (wait func(context.Context) error, left <-chan struct{}) {
	n.quiesce.mu.Lock()
	if !n.quiesce.server {
		n.quiesce.server, n.quiesce.left = true, make(chan struct{})
	}
	alias, left := n.quiesce.portAlias, n.quiesce.left
	n.quiesce.mu.Unlock()
	wait = n.ports.closeBut(alias, diagnosticAlias)
	if what, on := n.cfg.Faults.arg(QuiescedClient); on {
		if err := n.ports.pretend(what); err != nil {
			n.cfg.Logf("fault %s: %v", QuiescedClient, err)
		}
	}
	n.consumers.suspend()
	return wait, left
}

// setQuiesceMode is Integration Server's own quiesce, which setActiveMode leads
// back from. It answers when it is over; its caller may have gone by then.
func (n *Node) setQuiesceMode(in map[string]string) map[string]any {
	minutes, err := strconv.Atoi(in["timeout"])
	if in["timeout"] == "" {
		minutes, err = 0, nil
	}
	if err != nil || minutes < 0 {
		return failed("timeout must be a number of minutes, not %q", in["timeout"])
	}
	if n.cfg.Faults.has(QuiesceRefused) {
		return failed("fault %s", QuiesceRefused)
	}
	if err := n.checkQuiescePort(); err != nil {
		n.cfg.Logf("setQuiesceMode: %v", err)
		return map[string]any{"message": "INVALID", "status": "false", "report": []reportLine{}}
	}
	if n.isQuiescing() {
		return map[string]any{"message": "Server is already in quiesce mode", "status": "true", "report": []reportLine{}}
	}
	_, left := n.beginQuiesce()
	if n.cfg.Faults.has(QuiesceAnswersFirst) {
		n.background.do(func(context.Context) { _, _ = n.finishQuiesce(time.Duration(minutes)*time.Minute, left) }) // it is in the log
		return map[string]any{"message": "Server is entering quiesce mode", "status": "true", "report": []reportLine{}}
	}
	report, err := n.finishQuiesce(time.Duration(minutes)*time.Minute, left)
	if err != nil {
		return map[string]any{"message": err.Error(), "status": "false", "report": report}
	}
	return map[string]any{"message": "Server is in quiesce mode", "status": "true", "report": report}
}

// finishQuiesce waits for the services that run, at most that long, and then
// disables the packages. Without API Gateway what was counted is delivered.
func (n *Node) finishQuiesce(wait time.Duration, left <-chan struct{}) ([]reportLine, error) {
	timer, pause := time.NewTimer(wait), time.NewTimer(n.cfg.QuiesceTime) // the second is what this node takes for it
	defer timer.Stop()
	defer pause.Stop()
	idle, over := n.activity.whenIdle(), timer.C
	if n.cfg.Faults.has(QuiesceHangs) {
		idle, over = nil, nil
	}
	select {
	case <-idle:
	case <-over:
	case <-left:
		return nil, errLeft
	case <-n.gone:
		return nil, errEnded
	}
	select {
	case <-pause.C:
	case <-left:
		return nil, errLeft
	case <-n.gone:
		return nil, errEnded
	}
	if n.cfg.Faults.has(CrashInFlush) {
		n.askToEnd(ending{Exit: Exit{Code: 134}, abrupt: true})
		return nil, errEnded
	}
	report := n.quiesceReport()
	if !n.disablePackages(left) {
		return nil, errLeft
	}
	n.deliverCounters()
	n.cfg.Logf("quiesce: %+v", report)
	return report, nil
}

// disablePackages does so unless the mode has been left.
func (n *Node) disablePackages(left <-chan struct{}) bool {
	n.quiesce.mu.Lock()
	defer n.quiesce.mu.Unlock()
	select {
	case <-left:
		return false
	default:
		n.packages.disableAll()
		return true
	}
}

// quiesceReport tells what quiescing has done, and with status false what it
// has not: services that go on.
func (n *Node) quiesceReport() []reportLine {
	report := []reportLine{}
	n.ports.mu.Lock()
	for _, p := range n.ports.all {
		if p.Enabled == "true" && p.Listening != "true" {
			report = append(report, reportLine{"Port", "true", p.Key + " is disabled"})
		}
	}
	n.ports.mu.Unlock()
	for _, t := range n.consumers.triggers {
		report = append(report, reportLine{"Trigger", "true", t.Name + " is suspended"})
	}
	for _, service := range n.activity.runningNow() {
		report = append(report, reportLine{"Service", "false", service + " is still running"})
	}
	return append(report, reportLine{"Package", "true", "all packages but WmRoot and WmPublic are disabled"})
}

// deliverCounters brings what a node without API Gateway has counted to the data
// store. What can't be delivered is kept.
func (n *Node) deliverCounters() {
	if n.hasGateway() || n.cfg.DataStore == "" {
		return
	}
	taken := n.counters.take(everything)
	if err := n.cluster.flush(context.Background(), taken); err != nil {
		n.counters.putBack(taken)
		n.cfg.Logf("deliver the counters: %v", err)
	}
}

// setActiveMode leaves the server's quiesce mode, but not API Gateway's.
func (n *Node) setActiveMode(map[string]string) map[string]any {
	n.quiesce.mu.Lock()
	all := n.quiesce.all
	if !all && n.quiesce.server {
		n.quiesce.server = false
		close(n.quiesce.left)
		n.packages.enableAll()
	}
	n.quiesce.mu.Unlock()
	if all {
		return map[string]any{"message": "WmAPIGateway was quiesced: restart the server", "status": "false", "report": []reportLine{}}
	}
	n.consumers.resume()
	if err := n.ports.reopen(); err != nil {
		return map[string]any{"message": err.Error(), "status": "false", "report": []reportLine{{"Port", "false", err.Error()}}}
	}
	return map[string]any{
		"message": "Server is in active mode", "status": "true",
		"report": []reportLine{
			{"Port", "true", "the ports are enabled"},
			{"Trigger", "true", "the triggers and the scheduler are resumed"},
			{"Package", "true", "the packages are enabled"},
		},
	}
}
