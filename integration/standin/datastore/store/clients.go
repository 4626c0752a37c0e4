package store

import "net/http"

// own connects a client id of the messaging provider, or confirms that it is
// connected; false: another node has it, and is healthy. The lock must be held.
func (s *Store) own(client string, by holder) bool {
	if client == "" {
		return true
	}
	if h, taken := s.clients[client]; taken && h.node != by.node && s.holds(h) {
		return false
	}
	s.clients[client] = by
	return true
}

// connect is POST /clients/{client} with {"node", "boot"}; 409 when another
// healthy node is connected with that id.
func (s *Store) connect(w http.ResponseWriter, r *http.Request) {
	var body Take
	if !decode(w, r, &body) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.own(r.PathValue("client"), holder{body.Node, body.Boot, s.now()}) {
		http.Error(w, "the client id is connected already", http.StatusConflict)
	}
}

// disconnect is repeatable.
func (s *Store) disconnect(_ http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if client := r.PathValue("client"); s.clients[client].node == r.PathValue("node") {
		delete(s.clients, client)
	}
}
