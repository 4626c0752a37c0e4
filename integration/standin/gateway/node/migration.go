package node

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// migrations are the actions of POST /migration that this node was asked for.
// Each takes Config.QuiesceTime and succeeds; nothing is migrated.
type migrations struct {
	mu     sync.Mutex
	active string
	done   map[string]bool
}

// migrationEvents are the events of the webhooks; the spelling is the vendor's.
var migrationEvents = map[string]string{
	"clean": "migration:clean:datastore:completed", "transform": "migration:transform:assets:competed",
	"core": "migration:reindex:core:completed", "logsevents": "migration:reindex:logsevents:completed",
}

func (n *Node) postMigration(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Action, IndicesType string
	}
	if !decode(w, r, &body) {
		return
	}
	event := migrationEvents[body.Action]
	if body.Action == "reindex" {
		event = migrationEvents[body.IndicesType]
	}
	if event == "" {
		refuse(w, http.StatusBadRequest, "action must be clean, transform, or reindex with indicesType core or logsevents")
		return
	}
	m := &n.migrations
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.active != "" {
		refuse(w, http.StatusConflict, "a migration is already in progress: %s", m.active)
		return
	}
	m.active = body.Action
	n.background.do(func(ctx context.Context) {
		pause := time.NewTimer(n.cfg.QuiesceTime) // what this node takes for it
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.done == nil {
			m.done = map[string]bool{}
		}
		m.active, m.done[body.Action] = "", true
		n.webhooks.send(event)
	})
	w.WriteHeader(http.StatusAccepted)
}

// getMigrationStatus answers 404 for an action that nobody has asked for.
func (n *Node) getMigrationStatus(w http.ResponseWriter, r *http.Request) {
	action := r.URL.Query().Get("action")
	n.migrations.mu.Lock()
	defer n.migrations.mu.Unlock()
	var status any = "success"
	switch {
	case action != "" && action == n.migrations.active:
		status = nil
	case !n.migrations.done[action]:
		refuse(w, http.StatusNotFound, "no status of %q", action)
		return
	}
	reply(w, http.StatusOK, map[string]any{"status": status, "failureReason": nil})
}
