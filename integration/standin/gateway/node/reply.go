package node

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// reply writes v as JSON. API Gateway sends numbers and booleans as strings in
// many places; the types of the answers say where.
func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nobody is left to be told
}

func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	reply(w, status, map[string]string{"errorDetails": fmt.Sprintf(format, args...)})
}

func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(into); err != nil {
		refuse(w, http.StatusBadRequest, "the request body is not valid JSON: %v", err)
		return false
	}
	return true
}

// authorized guards a handler with HTTP Basic authentication.
func (n *Node) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		same := subtle.ConstantTimeCompare([]byte(user+":"+password), []byte(n.cfg.User+":"+n.cfg.Password)) == 1
		if !same || n.cfg.Faults.has(WrongPassword) {
			w.Header().Set("WWW-Authenticate", `Basic realm="Integration Server"`)
			refuse(w, http.StatusUnauthorized, "the credentials are not valid")
			return
		}
		next(w, r)
	}
}

// privileged guards a handler for users who may see and change the server's
// administration: the product answers the others with 401 too.
func (n *Node) privileged(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if n.cfg.Faults.has(PrivilegeMissing) {
			refuse(w, http.StatusUnauthorized, "the user lacks the privilege")
			return
		}
		next(w, r)
	}
}

// loose is text that a client may send as a JSON string, number or boolean: the
// published examples mix them.
type loose string

func (l *loose) UnmarshalJSON(raw []byte) error {
	*l = loose(strings.Trim(string(raw), `"`))
	if *l == "null" {
		*l = ""
	}
	return nil
}

func yes(on bool) string {
	if on {
		return "true"
	}
	return "false"
}
