package node

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// A stream goes on until the node ends, and ends with it, whatever the client does.
func TestEvents(t *testing.T) {
	r := start(t, "", nil)
	r.untilReady()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.admin+"/gateway/prices", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	stream := bufio.NewScanner(response.Body)
	for _, want := range []string{"id: 1", "data: node-a", "", "id: 2"} {
		if !stream.Scan() || stream.Text() != want {
			t.Fatalf("got %q, %v, want %q", stream.Text(), stream.Err(), want)
		}
	}
	r.node.Terminate()
	for stream.Scan() {
		if text := stream.Text(); text != "" && !strings.HasPrefix(text, "id: ") && text != "data: node-a" {
			t.Errorf("got %q", text)
		}
	}
	if err := stream.Err(); err != nil {
		t.Errorf("the node's end broke the stream off: %v", err)
	}
}
