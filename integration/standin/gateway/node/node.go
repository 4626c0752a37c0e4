package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Exit says how a node ended.
type Exit struct {
	Code   int
	Bounce bool // the caller starts a new node in its place
}

// Node is one process of the product. Make it with New, start it with Run.
type Node struct {
	cfg      Config
	ports    *ports
	counters *counters
	activity *activity
	cluster  *cluster
	quiesce  quiesce
	packages *packages
	shared   *shared
	webhooks *webhooks
	memory   *remembered
	pending  pendingShutdown

	background *background
	consumers  *consumers
	migrations migrations

	certificate *certificate // nil: no HTTPS port

	opened chan struct{} // closed when the ports have been opened
	ended  chan ending   // the first request to end wins
	gone   chan struct{} // closed when it begins to end
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
		cfg: cfg, counters: newCounters(), activity: newActivity(), cluster: newCluster(cfg), packages: newPackages(cfg),
		opened: make(chan struct{}), ended: make(chan ending, 1),
		gone:  make(chan struct{}),
		ports: &ports{host: cfg.Host}, memory: newRemembered(cfg),
	}
	n.background = newBackground()
	n.cluster.obey = n.obey
	n.shared = &shared{cluster: n.cluster}
	n.webhooks = newWebhooks(cfg, n.shared, n.background)
	n.consumers = newConsumers(cfg, n.cluster, n.activity, n.memory)
	admin := newPort(cfg.AdminPort, "DefaultPrimary", "WmRoot", n.runtimeHandler())
	diagnostic := newPort(cfg.DiagnosticPort, diagnosticAlias, "WmRoot", n.diagnosticHandler())
	diagnostic.FactoryKey = "webMethods/Diagnostic"
	admin.primary, diagnostic.primary = true, true
	n.ports.add(admin)
	n.ports.add(diagnostic)
	if cfg.QuiescePort != 0 {
		n.ports.add(newPort(max(cfg.QuiescePort, 0), quiesceAlias, "WmRoot", n.runtimeHandler()))
		n.quiesce.portAlias = quiesceAlias
	}
	if cfg.HTTPSPort != 0 {
		n.addHTTPS(cfg.HTTPSPort)
	}
	for _, spec := range cfg.Listeners {
		n.ports.add(newListener(spec, n.memory))
	}
	return n
}

const (
	diagnosticAlias = "DefaultDiagnostic"
	httpsAlias      = "DefaultSecure"
	quiesceAlias    = "QuiescePort" // of a port that the image brings along
)

// Run starts the node and blocks until it has ended: by Terminate, by its own
// shutdown services, by a fault, or with the context, which cuts everything off.
// Call it once.
func (n *Node) Run(ctx context.Context) (Exit, error) {
	if n.cfg.StartAnswers {
		if err := n.openPorts(ctx); err != nil {
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
	return n.serve(ctx)
}

// serve is the node's life from the end of its start-up on.
func (n *Node) serve(ctx context.Context) (Exit, error) {
	beating, stopBeating := context.WithCancel(ctx)
	working, stopWorking := context.WithCancel(ctx)
	var heart sync.WaitGroup
	heart.Go(func() { n.cluster.beat(beating) })
	quiesced := n.startsQuiesced() || n.cfg.Faults.has(StartQuiesced)
	if quiesced {
		n.consumers.suspend() // before anything is taken
	}
	n.consumers.start(working)
	end, err := n.untilEnd(ctx, quiesced)
	if end.abrupt {
		stopWorking()
	}
	exit := n.end(end)
	stopWorking()
	n.background.end()
	n.consumers.wait(context.Background())
	stopBeating()
	heart.Wait()
	if !end.abrupt {
		n.deliverCounters()
		n.cluster.leave()
	}
	return exit, err
}

// untilEnd opens the ports and serves until somebody asks for the end.
func (n *Node) untilEnd(ctx context.Context, quiesced bool) (ending, error) {
	if !n.cfg.StartAnswers {
		if err := n.openPorts(ctx); err != nil {
			return ending{Exit: Exit{Code: 1}, abrupt: true}, err
		}
	}
	if quiesced {
		n.beginQuiesce()
		n.packages.disableAll()
	}
	n.cfg.Logf("node %s, version %s, is ready", n.cfg.Name, n.cfg.Version)
	n.webhooks.send("apigateway:server:started")
	select {
	case end := <-n.ended:
		return end, nil
	case <-ctx.Done():
		return ending{abrupt: true}, nil
	}
}

func (n *Node) openPorts(ctx context.Context) error {
	if err := n.ports.openAll(); err != nil {
		return err
	}
	n.adoptPorts(ctx)
	close(n.opened)
	return nil
}

// end closes every port. A graceful end refuses new connections, answers what is
// in progress and takes Config.StopTime.
func (n *Node) end(end ending) Exit {
	close(n.gone)
	n.consumers.halt()
	ctx, cancel := context.WithTimeout(context.Background(), end.drain)
	defer cancel()
	if end.abrupt {
		cancel()
	}
	err := n.ports.closeBut()(ctx)
	n.consumers.wait(ctx)
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
// "DefaultPrimary", "DefaultDiagnostic", "DefaultSecure", "QuiescePort", or one
// that was created.
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
	return fmt.Sprintf("%s://%s:%d", strings.ToLower(p.Protocol), host, p.Port), nil
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
