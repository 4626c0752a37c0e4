package store

import "testing"

func TestDocuments(t *testing.T) {
	s := New(nil)
	for _, c := range []struct {
		method, body string
		want         int
	}{
		{"PUT", `{}`, 404}, {"POST", `{"a":1}`, 200}, {"POST", `{}`, 409}, {"PUT", `{"a":2}`, 200}, {"PUT", `nonsense`, 400},
	} {
		if code := call(t, s, c.method, "/documents/webhooks/1", c.body, nil); code != c.want {
			t.Errorf("%s %s: %d", c.method, c.body, code)
		}
	}
	var got []Document
	if call(t, s, "GET", "/documents/webhooks", "", &got); len(got) != 1 || string(got[0].Body) != `{"a":2}` {
		t.Fatalf("%+v", got)
	}
	for _, want := range []int{200, 404} {
		if code := call(t, s, "DELETE", "/documents/webhooks/1", "", nil); code != want {
			t.Errorf("delete: %d", code)
		}
	}
	if call(t, s, "GET", "/documents/webhooks", "", &got); len(got) != 0 {
		t.Fatalf("%+v", got)
	}
}
