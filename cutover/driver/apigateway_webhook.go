package driver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Webhook lets API Gateway call when it has quiesced. A call means "look now", never "done": what it delivers is
// documented nowhere, and anybody could make it.
type Webhook struct {
	Listen string // host:port to listen on
	URL    string // where the nodes reach it
	Poke   func() // called for every call; must not block

	once    sync.Once
	server  *http.Server
	problem error
}

// webhookID is one for all runs, so that what an earlier one has left behind is used again and removed.
const webhookID = "cutover-quiesced"

// listen begins to listen and registers the hook, once for all nodes: they share the data store that it is kept in. A
// failure is no reason to stop; Close tells it.
func (d *APIGateway) listen(ctx context.Context, admin endpoint) {
	if d.Webhook == nil {
		return
	}
	d.Webhook.once.Do(func() { d.Webhook.problem = d.register(ctx, admin) })
}

func (d *APIGateway) register(ctx context.Context, admin endpoint) error {
	w := d.Webhook
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", w.Listen)
	if err != nil {
		return fmt.Errorf("driver.webhook: listen: %w", err)
	}
	w.server = &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { w.Poke() })}
	go w.server.Serve(listener) //nolint:errcheck // it ends with Close
	hook := map[string]any{
		"id": webhookID, "active": true, // the default is false
		"config": map[string]any{"url": w.URL}, "events": []string{"migration:quiesce:all:completed"},
	}
	got, err := admin.call(ctx, http.MethodPost, "/rest/apigateway/webhooks", hook)
	if err == nil && got.status == http.StatusBadRequest { // the id exists
		got, err = admin.call(ctx, http.MethodPut, "/rest/apigateway/webhooks/"+webhookID, hook)
	}
	if err := expect(got, err, http.StatusCreated, http.StatusOK); err != nil {
		return fmt.Errorf("driver.webhook: register it: %w", err)
	}
	return nil
}

// Close stops listening and removes the hook, an earlier process's too, through any node that answers. It may be repeated.
// Its error says what is left over, or why the hook was of no use; nothing depends on it.
func (d *APIGateway) Close(ctx context.Context) error {
	w := d.Webhook
	if w == nil {
		return nil
	}
	if w.server != nil {
		w.server.Close() //nolint:errcheck // nobody is served any more
	}
	last := errors.New("no node runs")
	for _, peer := range d.Containers.Peers("") {
		place, err := d.Containers.Locate(ctx, peer.Name)
		if err != nil || !place.Running {
			continue
		}
		admin, err := d.at(place, d.AdminPort)
		if err != nil {
			continue
		}
		try, cancel := context.WithTimeout(ctx, perPort)
		got, err := admin.call(try, http.MethodDelete, "/rest/apigateway/webhooks/"+webhookID, nil)
		cancel()
		if last = expect(got, err, http.StatusNoContent, http.StatusOK, http.StatusNotFound); last == nil {
			return w.problem
		}
	}
	return errors.Join(w.problem, fmt.Errorf("driver.webhook: remove the webhook %s: %w: delete it by hand", webhookID, last))
}
