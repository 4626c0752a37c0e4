package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// webhooks are the registered listeners of events. They are in the data store,
// so that all nodes have the same; each node sends its own notifications. What a
// delivery contains is not documented: any JSON may come.
type webhooks struct {
	logf       func(string, ...any)
	faults     Faults
	shared     *shared
	background *background
	client     *http.Client
}

type webhook struct {
	ID     string         `json:"id"`
	Config map[string]any `json:"config"` // url, headers, …
	Events []string       `json:"events"`
	Active bool           `json:"active"` // false unless given
}

const webhookKind = "webhooks"

func newWebhooks(cfg Config, s *shared, b *background) *webhooks {
	return &webhooks{logf: cfg.Logf, faults: cfg.Faults, shared: s, background: b, client: &http.Client{Timeout: 2 * time.Second}}
}

// all returns every webhook, in the order in which they were made.
func (h *webhooks) all(ctx context.Context) ([]webhook, error) {
	documents, err := h.shared.list(ctx, webhookKind)
	out := make([]webhook, 0, len(documents))
	for _, doc := range documents {
		var hook webhook
		if json.Unmarshal(doc.Body, &hook) == nil {
			out = append(out, hook)
		}
	}
	return out, err
}

func (h *webhooks) list(w http.ResponseWriter, r *http.Request) {
	all, err := h.all(r.Context())
	switch {
	case err != nil:
		refuse(w, http.StatusInternalServerError, "%v", err)
	case len(all) == 0:
		refuse(w, http.StatusNotFound, "No records found.")
	default:
		reply(w, http.StatusOK, map[string]any{"response": all})
	}
}

func (h *webhooks) create(w http.ResponseWriter, r *http.Request) {
	var hook webhook
	if !decode(w, r, &hook) {
		return
	}
	if hook.ID == "" {
		hook.ID = "webhook-" + rand.Text()
	}
	if hook.Config["url"] == nil || len(hook.Events) == 0 {
		refuse(w, http.StatusBadRequest, "config.url and events are required")
		return
	}
	made, err := h.shared.create(r.Context(), webhookKind, hook.ID, hook)
	switch {
	case err != nil:
		refuse(w, http.StatusInternalServerError, "%v", err)
	case !made:
		refuse(w, http.StatusBadRequest, "a webhook has the id %s already", hook.ID)
	default:
		reply(w, http.StatusCreated, hook)
	}
}

func (h *webhooks) get(w http.ResponseWriter, r *http.Request) {
	all, err := h.all(r.Context())
	i := slices.IndexFunc(all, func(hook webhook) bool { return hook.ID == r.PathValue("id") })
	if err != nil || i < 0 {
		answerChange(w, false, err)
		return
	}
	reply(w, http.StatusOK, all[i])
}

func (h *webhooks) put(w http.ResponseWriter, r *http.Request) {
	var hook webhook
	if !decode(w, r, &hook) {
		return
	}
	hook.ID = r.PathValue("id")
	found, err := h.shared.replace(r.Context(), webhookKind, hook.ID, hook)
	if answerChange(w, found, err) {
		reply(w, http.StatusOK, hook)
	}
}

func (h *webhooks) delete(w http.ResponseWriter, r *http.Request) {
	found, err := h.shared.remove(r.Context(), webhookKind, r.PathValue("id"))
	if answerChange(w, found, err) {
		w.WriteHeader(http.StatusNoContent)
	}
}

// answerChange answers what went wrong; true: nothing did.
func answerChange(w http.ResponseWriter, found bool, err error) bool {
	if err != nil {
		refuse(w, http.StatusInternalServerError, "%v", err)
	} else if !found {
		refuse(w, http.StatusNotFound, "no such webhook")
	}
	return err == nil && found
}

// send delivers the event in the background, once, to whoever asked for it.
func (h *webhooks) send(event string) {
	if h.faults.has(WebhookSilent) {
		return
	}
	h.background.do(func(ctx context.Context) {
		all, err := h.all(ctx)
		if err != nil {
			h.logf("webhooks: %v", err)
		}
		for _, hook := range all {
			if hook.Active && slices.Contains(hook.Events, event) {
				h.background.do(func(ctx context.Context) { h.deliver(ctx, hook, event) })
			}
		}
	})
}

func (h *webhooks) deliver(ctx context.Context, hook webhook, event string) {
	body, err := json.Marshal(map[string]string{"event": event, "status": "success", "node": h.shared.cluster.me.Node})
	if err != nil {
		return
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprint(hook.Config["url"]), bytes.NewReader(body))
	if err != nil {
		h.logf("webhook %s: %v", hook.ID, err)
		return
	}
	r.Header.Set("Content-Type", "application/json")
	headers, _ := hook.Config["headers"].(map[string]any)
	for name, value := range headers {
		r.Header.Set(name, fmt.Sprint(value))
	}
	resp, err := h.client.Do(r)
	if err != nil {
		h.logf("webhook %s: %v", hook.ID, err)
		return
	}
	_ = resp.Body.Close()
}
