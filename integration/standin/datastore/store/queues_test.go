package store

import (
	"testing"
	"time"
)

func take(t *testing.T, s *Store, body string) (code int, got Taken) {
	t.Helper()
	if code = call(t, s, "POST", "/queues/orders/take", body, nil); code == 200 {
		call(t, s, "POST", "/queues/orders/take", body, &got) // the same one again
	}
	return code, got
}

func TestAQueueIsSerialAndInOrder(t *testing.T) {
	s := New(nil)
	call(t, s, "POST", "/queues/orders", `{"ids":["1","2"]}`, nil)
	call(t, s, "POST", "/queues/orders", `{"id":"2"}`, nil)
	if code, got := take(t, s, `{"node":"a","boot":"1","trigger":"t"}`); code != 200 || got.ID != "1" || got.Serial != 1 {
		t.Fatalf("%d %+v", code, got)
	}
	if code, _ := take(t, s, `{"node":"b","boot":"1","trigger":"t"}`); code != 204 {
		t.Fatalf("a second one in flight: %d", code)
	}
	if code := call(t, s, "POST", "/queues/orders/ack", `{"id":"1","node":"b"}`, nil); code != 409 {
		t.Fatalf("acknowledged by another: %d", code)
	}
	call(t, s, "POST", "/queues/orders/release", `{"id":"1","node":"a"}`, nil)
	if code, got := take(t, s, `{"node":"b","boot":"1","trigger":"t"}`); code != 200 || got.ID != "1" || got.Serial != 2 {
		t.Fatalf("%d %+v", code, got)
	}
	call(t, s, "POST", "/queues/orders/ack", `{"id":"1","node":"b"}`, nil)
	var q Queue
	call(t, s, "GET", "/queues/orders", "", &q)
	if q.Waiting != 1 || q.InFlight != 0 || len(q.Processed) != 1 || q.Processed[0].Node != "b" || q.Processed[0].Times != 2 {
		t.Fatalf("%+v", q)
	}
}

func TestAMessageIsDeliveredAgainAfterACrash(t *testing.T) {
	now := time.Unix(1000, 0)
	s := New(func() time.Time { return now })
	again := func(how string, crash func()) {
		t.Helper()
		call(t, s, "POST", "/members", `{"node":"a","boot":"1"}`, nil)
		call(t, s, "POST", "/queues/orders", `{"id":"`+how+`"}`, nil)
		if code, _ := take(t, s, `{"node":"a","boot":"1","trigger":"t"}`); code != 200 {
			t.Fatalf("%s: take %d", how, code)
		}
		crash()
		if code, got := take(t, s, `{"node":"b","boot":"1","trigger":"t"}`); code != 200 || got.ID != how {
			t.Fatalf("%s: %d %+v", how, code, got)
		}
		call(t, s, "POST", "/queues/orders/ack", `{"id":"`+how+`","node":"b"}`, nil)
	}
	again("silent", func() { now = now.Add(unhealthyAfter + time.Second) })
	again("another process", func() { call(t, s, "POST", "/members", `{"node":"a","boot":"2"}`, nil) })
	again("left", func() { call(t, s, "DELETE", "/members/a", "", nil) })
}

func TestAClientIDBelongsToOneHealthyNode(t *testing.T) {
	now := time.Unix(1000, 0)
	s := New(func() time.Time { return now })
	connect := func(node string) int {
		return call(t, s, "POST", "/clients/fixed", `{"node":"`+node+`","boot":"1"}`, nil)
	}
	if first, again := connect("a"), connect("a"); first != 200 || again != 200 || connect("b") != 409 {
		t.Fatal("while a is healthy")
	}
	if code, _ := take(t, s, `{"node":"b","boot":"1","trigger":"t","client_id":"fixed"}`); code != 409 {
		t.Fatalf("take: %d", code)
	}
	now = now.Add(unhealthyAfter + time.Second)
	if connect("b") != 200 || connect("a") != 409 {
		t.Fatal("after a was silent")
	}
	call(t, s, "DELETE", "/clients/fixed/b", "", nil)
	if connect("a") != 200 {
		t.Fatal("after b has disconnected")
	}
}

func TestATaskRunsOnceWhenDueAndIsSuspendedForAll(t *testing.T) {
	now := time.Unix(1000, 0)
	s := New(func() time.Time { return now })
	due := func(node string) bool {
		var out IsDue
		call(t, s, "POST", "/tasks/jobs:sweep/runs", `{"node":"`+node+`","every_ms":1000}`, &out)
		return out.Due
	}
	if !due("a") || due("b") {
		t.Fatal("one run a second")
	}
	now = now.Add(time.Second)
	if !due("b") {
		t.Fatal("due again")
	}
	call(t, s, "PUT", "/tasks/jobs:sweep", `{"suspended":true}`, nil)
	now = now.Add(time.Second)
	if due("a") || due("b") {
		t.Fatal("suspended")
	}
	var got Task
	call(t, s, "GET", "/tasks/jobs:sweep", "", &got)
	if !got.Suspended || len(got.Runs) != 2 || got.Runs[1].Node != "b" {
		t.Fatalf("%+v", got)
	}
}

func TestACommandReachesEveryOtherMemberOnce(t *testing.T) {
	s := New(nil)
	for _, node := range []string{"a", "b"} {
		call(t, s, "POST", "/members", `{"node":"`+node+`"}`, nil)
	}
	call(t, s, "POST", "/commands", `{"from":"a","name":"quiesce"}`, nil)
	beat := func(node string) (out Members) {
		call(t, s, "POST", "/members", `{"node":"`+node+`"}`, &out)
		return out
	}
	if len(beat("a").Commands) != 0 || len(beat("b").Commands) != 1 || len(beat("b").Commands) != 0 {
		t.Fatal("commands")
	}
}
