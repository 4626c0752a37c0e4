package node

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/cutover/cutover/integration/standin/datastore/store"
)

// pollInterval is how often a trigger asks for a message when there was none.
const pollInterval = 50 * time.Millisecond

// consumers are what takes work from elsewhere than a port: triggers and
// scheduled tasks. They start the moment the node starts, on every start.
type consumers struct {
	cfg      Config
	cluster  *cluster
	activity *activity
	memory   *remembered
	triggers []*trigger
	tasks    *scheduler

	stopped chan struct{} // closed when nothing is taken any more
	loops   sync.WaitGroup

	mu        sync.Mutex
	quiesced  bool // by quiesce mode
	holding   bool // while a shutdown waits for what runs
	connected bool // to the messaging provider
	refused   bool // the provider said that the client id is in use
}

func newConsumers(cfg Config, c *cluster, a *activity, m *remembered) *consumers {
	out := &consumers{cfg: cfg, cluster: c, activity: a, memory: m, stopped: make(chan struct{})}
	for _, spec := range cfg.Triggers {
		out.triggers = append(out.triggers, newTrigger(spec, out))
	}
	out.tasks = newScheduler(out)
	return out
}

// start takes work until halt, and works on it until the context ends.
func (c *consumers) start(ctx context.Context) {
	for _, t := range c.triggers {
		c.loop(ctx, pollInterval, t.step)
	}
	for _, spec := range c.cfg.Tasks {
		c.loop(ctx, max(min(spec.Every/4, 250*time.Millisecond), time.Millisecond), func(ctx context.Context) bool {
			return c.tasks.step(ctx, spec)
		})
	}
}

// loop calls step until halt or the end of the context, again at once when it
// has done something.
func (c *consumers) loop(ctx context.Context, interval time.Duration, step func(context.Context) bool) {
	c.loops.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for ctx.Err() == nil && !c.isHalted() {
			if step(ctx) {
				continue
			}
			select {
			case <-tick.C:
			case <-c.stopped:
			case <-ctx.Done():
			}
		}
	})
}

func (c *consumers) isHalted() bool {
	select {
	case <-c.stopped:
		return true
	default:
		return false
	}
}

// halt takes nothing any more, for good. What was taken is worked on.
func (c *consumers) halt() { close(c.stopped) }

// wait returns when all work is done, or with the context.
func (c *consumers) wait(ctx context.Context) {
	done := make(chan struct{})
	go func() { defer close(done); c.loops.Wait() }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// settle waits until nobody is in the middle of taking work: what was decided
// before holds from now on.
func (c *consumers) settle() {
	for _, t := range c.triggers {
		t.taking.Lock()
		t.taking.Unlock() //nolint:staticcheck // it is the wait that matters
	}
	c.tasks.taking.Lock()
	c.tasks.taking.Unlock() //nolint:staticcheck // it is the wait that matters
}

// suspend is what quiesce mode does: nothing is taken, and the connection to the
// messaging provider is given up. What runs goes on.
func (c *consumers) suspend() {
	c.set(func() { c.quiesced = true })
	c.settle()
	c.set(func() { c.connected = false })
	if c.cluster.url != "" && len(c.triggers) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		path := "/clients/" + url.PathEscape(c.cfg.ClientID) + "/" + url.PathEscape(c.cfg.Name)
		_, _ = c.cluster.ask(ctx, http.MethodDelete, path, nil, nil) // a provider that is gone forgets us anyway
	}
}

func (c *consumers) resume() { c.set(func() { c.quiesced = false }) }

// hold takes nothing while a shutdown waits for what runs.
func (c *consumers) hold(on bool) {
	c.set(func() { c.holding = on })
	c.settle()
}

func (c *consumers) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *consumers) isQuiesced() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.quiesced
}

// mayTake tells whether the node as a whole takes work.
func (c *consumers) mayTake() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.quiesced && !c.holding && !c.isHalted()
}

// connect makes sure of the connection to the messaging provider, with the
// node's client id. A client id that another node has is tried again for ever.
func (c *consumers) connect(ctx context.Context) bool {
	if c.isConnected() {
		return true
	}
	if c.cluster.url == "" {
		return false
	}
	me := store.Take{Node: c.cfg.Name, Boot: c.cluster.me.Boot}
	status, err := c.cluster.ask(ctx, http.MethodPost, "/clients/"+url.PathEscape(c.cfg.ClientID), me, nil)
	c.heard(status, err)
	return c.isConnected()
}

// heard notes what the messaging provider says of the client id.
func (c *consumers) heard(status int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connected = err == nil && (status == http.StatusOK || status == http.StatusNoContent)
	if err == nil && status == http.StatusConflict && !c.refused {
		c.cfg.Logf("the client id %s is in use: the triggers are not connected", c.cfg.ClientID)
	}
	c.refused = err == nil && status == http.StatusConflict
}

func (c *consumers) isConnected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connected && !c.quiesced
}
