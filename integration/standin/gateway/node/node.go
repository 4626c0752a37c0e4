package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Exit says how a node ended.
type Exit struct {
	Code   int
	Bounce bool // the caller starts a new node in its place
}

// Node is one API Gateway process. Make it with New, start it with Run.
type Node struct {
	cfg      Config
	ports    *ports
	counters *counters
	cluster  *cluster
	quiesce  quiesce
	packages *packages
	webhooks *webhooks

	opened chan struct{} // closed when the ports have been opened
	ended  chan ending   // the first request to end wins
	mu     sync.Mutex
	ready  time.Time // zero while it starts
}

// ending is a request to end the process.
type ending struct {
	Exit
	drain  time.Duration // how long to wait for what is in progress
	abrupt bool          // as a crash: nothing is waited for, nothing is said
}

// New prepares a node. Nothing listens yet.
func New(cfg Config) *Node {
	if cfg.Logf == nil {
		cfg.Logf = func(string, ...any) {}
	}
	n := &Node{
		cfg: cfg, counters: newCounters(), cluster: newCluster(cfg), packages: newPackages(cfg),
		webhooks: newWebhooks(cfg.Logf), opened: make(chan struct{}), ended: make(chan ending, 1),
		ports: &ports{host: cfg.Host},
	}
	admin := newPort(cfg.AdminPort, "DefaultPrimary", "WmRoot", n.runtimeHandler())
	diagnostic := newPort(cfg.DiagnosticPort, diagnosticAlias, "WmRoot", n.diagnosticHandler())
	diagnostic.FactoryKey = "webMethods/Diagnostic"
	admin.primary, diagnostic.primary = true, true
	n.ports.add(admin)
	n.ports.add(diagnostic)
	return n
}

const diagnosticAlias = "DefaultDiagnostic"

// Run starts the node and blocks until it has ended: by Terminate, by its own
// shutdown services, by a fault, or with the context, which cuts everything off.
// Call it once.
func (n *Node) Run(ctx context.Context) (Exit, error) {
	if n.cfg.StartAnswers {
		if err := n.openPorts(); err != nil {
			return Exit{Code: 1}, err
		}
	}
	start := time.NewTimer(n.cfg.StartTime) // what this node takes to start
	defer start.Stop()
	select {
	case <-start.C:
	case end := <-n.ended:
		return n.end(end), nil
	case <-ctx.Done():
		return n.end(ending{abrupt: true}), nil
	}
	if n.cfg.Faults.has(CrashAtStart) {
		n.end(ending{abrupt: true})
		return Exit{Code: 1}, errors.New("fault " + CrashAtStart)
	}
	n.setReady() // before the ports open: closed means that none of them ever answers 503
	if !n.cfg.StartAnswers {
		if err := n.openPorts(); err != nil {
			return Exit{Code: 1}, err
		}
	}
	beating, stopBeating := context.WithCancel(ctx)
	silent := make(chan struct{})
	go func() { defer close(silent); n.cluster.beat(beating) }()
	if n.cfg.Faults.has(StartQuiesced) || n.startsQuiesced() {
		n.beginQuiesce()
	}
	n.cfg.Logf("node %s, version %s, is ready", n.cfg.Name, n.cfg.Version)
	n.webhooks.send("apigateway:server:started")
	end := ending{abrupt: true}
	select {
	case end = <-n.ended:
	case <-ctx.Done():
	}
	exit := n.end(end)
	stopBeating()
	<-silent
	if !end.abrupt {
		n.cluster.leave()
	}
	return exit, nil
}

func (n *Node) openPorts() error {
	if err := n.ports.openAll(); err != nil {
		return err
	}
	close(n.opened)
	return nil
}

// end closes every port. A graceful end refuses new connections, answers what is
// in progress and takes Config.StopTime.
func (n *Node) end(end ending) Exit {
	ctx, cancel := context.WithTimeout(context.Background(), end.drain)
	defer cancel()
	if end.abrupt {
		cancel()
	}
	err := n.ports.closeBut()(ctx)
	if !end.abrupt {
		stop := time.NewTimer(n.cfg.StopTime) // what this node takes to stop
		defer stop.Stop()
		<-stop.C
		n.cfg.Logf("node %s has stopped; requests cut off: %v", n.cfg.Name, err != nil)
	}
	return end.Exit
}

// Terminate is what SIGTERM does: a graceful end. It returns at once.
func (n *Node) Terminate() {
	if n.cfg.Faults.has(SigtermIgnored) {
		n.cfg.Logf("SIGTERM is ignored")
		return
	}
	n.askToEnd(ending{drain: longestSleep})
}

func (n *Node) askToEnd(end ending) {
	select {
	case n.ended <- end:
	default: // it is ending already
	}
}

// URL returns the base URL of the port with this alias once the ports are open:
// "DefaultPrimary", "DefaultDiagnostic", or one that was created.
func (n *Node) URL(ctx context.Context, alias string) (string, error) {
	select {
	case <-n.opened:
	case <-ctx.Done():
		return "", fmt.Errorf("the ports are not open: %w", context.Cause(ctx))
	}
	n.ports.mu.Lock()
	defer n.ports.mu.Unlock()
	p := n.ports.find(byAlias(alias))
	if p == nil {
		return "", fmt.Errorf("no port has the alias %s", alias)
	}
	host := n.cfg.Host
	if host == "" {
		host = "127.0.0.1"
	}
	return fmt.Sprintf("http://%s:%d", host, p.Port), nil
}

func (n *Node) setReady() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ready = time.Now()
}

// readyAt is the end of the start-up; zero before it.
func (n *Node) readyAt() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ready
}

// whenStarted answers 503 while the node starts with open ports.
func (n *Node) whenStarted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.readyAt().IsZero() {
			http.Error(w, "the server is starting", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}
