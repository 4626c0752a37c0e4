package node

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// webhooks are the registered listeners of this node's events. The real product
// keeps them in the data store; here each node has its own. What a delivery
// contains is not documented: any JSON may come.
type webhooks struct {
	logf   func(string, ...any)
	client *http.Client
	mu     sync.Mutex
	all    []webhook
	next   int
}

type webhook struct {
	ID     string         `json:"id"`
	Config map[string]any `json:"config"` // url, headers, …
	Events []string       `json:"events"`
	Active bool           `json:"active"` // false unless given
}

func newWebhooks(logf func(string, ...any)) *webhooks {
	return &webhooks{logf: logf, client: &http.Client{Timeout: 2 * time.Second}}
}

func (h *webhooks) list(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.all) == 0 {
		refuse(w, http.StatusNotFound, "No records found.")
		return
	}
	reply(w, http.StatusOK, map[string]any{"response": h.all})
}

func (h *webhooks) create(w http.ResponseWriter, r *http.Request) {
	var hook webhook
	if !decode(w, r, &hook) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if hook.ID == "" {
		h.next++
		hook.ID = "webhook-" + strconv.Itoa(h.next)
	}
	if hook.Config["url"] == nil || len(hook.Events) == 0 || h.index(hook.ID) >= 0 {
		refuse(w, http.StatusBadRequest, "config.url and events are required, and a new id")
		return
	}
	h.all = append(h.all, hook)
	reply(w, http.StatusCreated, hook)
}

func (h *webhooks) get(w http.ResponseWriter, r *http.Request) {
	h.with(w, r, func(i int) { reply(w, http.StatusOK, h.all[i]) })
}

func (h *webhooks) put(w http.ResponseWriter, r *http.Request) {
	var hook webhook
	if !decode(w, r, &hook) {
		return
	}
	h.with(w, r, func(i int) {
		hook.ID = h.all[i].ID
		h.all[i] = hook
		reply(w, http.StatusOK, hook)
	})
}

func (h *webhooks) delete(w http.ResponseWriter, r *http.Request) {
	h.with(w, r, func(i int) {
		h.all = slices.Delete(h.all, i, i+1)
		w.WriteHeader(http.StatusNoContent)
	})
}

func (h *webhooks) with(w http.ResponseWriter, r *http.Request, do func(i int)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := h.index(r.PathValue("id"))
	if i < 0 {
		refuse(w, http.StatusNotFound, "no such webhook")
		return
	}
	do(i)
}

func (h *webhooks) index(id string) int {
	return slices.IndexFunc(h.all, func(hook webhook) bool { return hook.ID == id })
}

// send delivers the event in the background, once, to whoever asked for it.
func (h *webhooks) send(event string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hook := range h.all {
		url, isText := hook.Config["url"].(string)
		if !hook.Active || !isText || !slices.Contains(hook.Events, event) {
			continue
		}
		body, err := json.Marshal(map[string]string{"event": event, "status": "success"})
		if err != nil {
			continue
		}
		go func() {
			resp, err := h.client.Post(url, "application/json", bytes.NewReader(body))
			if err != nil {
				h.logf("webhook %s: %v", hook.ID, err)
				return
			}
			_ = resp.Body.Close()
		}()
	}
}
