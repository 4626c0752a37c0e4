package nginx

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
)

var (
	s1 = netip.MustParseAddrPort("10.0.0.7:5555")
	s2 = netip.MustParseAddrPort("10.0.0.8:5555")
)

// What real workers of nginx 1.22 said, before a reload that takes s1 away, during it, and after it.
const (
	before  = "cutover-members 1\nworker 101\nsettled\nserver api-gateway 10.0.0.7:5555\nserver api-gateway 10.0.0.8:5555\nend\n"
	during  = "cutover-members 1\nworker 201\nserver api-gateway 10.0.0.8:5555\nold 101 10.0.0.7:5555 10.0.0.8:5555\nend\n"
	leaving = "cutover-members 1\nworker 201\nsettled\nserver api-gateway 10.0.0.8:5555\nold 101 10.0.0.7:5555 10.0.0.8:5555\nend\n"
	after   = "cutover-members 1\nworker 202\nsettled\nserver api-gateway 10.0.0.8:5555\nend\n"
)

// says is an nginx whose workers give these answers in turn, the last one for ever.
func says(t *testing.T, answers ...string) *Balancer {
	t.Helper()
	var asked atomic.Int64
	return serves(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, answers[min(int(asked.Add(1)), len(answers))-1])
	})
}

func serves(t *testing.T, answer http.HandlerFunc) *Balancer {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return balancer(t, server.URL+"/cutover/members")
}

func balancer(t *testing.T, members string) *Balancer {
	t.Helper()
	b, err := New(Config{Name: "lb-2", Members: members})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
