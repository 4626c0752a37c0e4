package store

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func call(t *testing.T, s *Store, method, path, body string, into any) int {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if into != nil {
		if err := json.NewDecoder(w.Body).Decode(into); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return w.Code
}

func TestARetriedFlushIsCountedOnce(t *testing.T) {
	s := New(nil)
	first := `{"id":"a-1","node":"a","transactions":3,"licence":3,"quota":{"orders":2,"billing":1}}`
	call(t, s, "POST", "/flush", first, nil)
	var again struct{ Counted bool }
	if code := call(t, s, "POST", "/flush", first, &again); code != http.StatusOK || again.Counted {
		t.Fatalf("retry: code %d, counted %v", code, again.Counted)
	}
	call(t, s, "POST", "/flush", `{"id":"b-1","node":"b","transactions":1,"licence":1,"quota":{"orders":1}}`, nil)
	var got Totals
	call(t, s, "GET", "/totals", "", &got)
	if got.Transactions != 4 || got.Licence != 4 || got.Quota["orders"] != 3 || got.Quota["billing"] != 1 || got.Flushes != 2 {
		t.Fatalf("totals %+v", got)
	}
	if got.Nodes["a"].Transactions != 3 || got.Nodes["b"].Quota["orders"] != 1 {
		t.Fatalf("per node %+v", got.Nodes)
	}
}

func TestAFlushWithoutIDIsRefused(t *testing.T) {
	if code := call(t, New(nil), "POST", "/flush", `{"node":"a"}`, nil); code != http.StatusBadRequest {
		t.Fatalf("code %d", code)
	}
}

func TestMembersGoUnhealthyThenAreForgotten(t *testing.T) {
	now := time.Unix(1000, 0)
	s := New(func() time.Time { return now })
	call(t, s, "POST", "/members", `{"node":"a","scheduler":"same"}`, nil)
	var got Members
	call(t, s, "POST", "/members", `{"node":"b","scheduler":"same"}`, &got)
	if got.Nodes != 2 || got.HealthyNodes != 2 || len(got.Conflicts) != 1 {
		t.Fatalf("both alive: %+v", got)
	}
	now = now.Add(unhealthyAfter + time.Second)
	call(t, s, "POST", "/members", `{"node":"b"}`, &got)
	if got.Nodes != 2 || got.HealthyNodes != 1 {
		t.Fatalf("a silent: %+v", got)
	}
	now = now.Add(forgottenAfter)
	call(t, s, "POST", "/members", `{"node":"b"}`, &got)
	if got.Nodes != 1 || got.HealthyNodes != 1 {
		t.Fatalf("a forgotten: %+v", got)
	}
	call(t, s, "DELETE", "/members/b", "", nil)
	call(t, s, "GET", "/members", "", &got)
	if got.Nodes != 0 {
		t.Fatalf("b left: %+v", got)
	}
}
