package haproxy

import (
	"strings"
	"testing"
)

func TestRemarks(t *testing.T) {
	cli := func(level string, failed bool) string {
		m := &mother{pid: 7, reloads: 3, failed: failed}
		return listen(t, func(line string) string {
			if strings.HasSuffix(line, "show cli level") {
				return level + "\n\n"
			}
			return m.answer(line)
		})
	}
	for name, test := range map[string]struct {
		cfg  Config
		want string
	}{
		"all is well":            {Config{Master: cli("admin", false)}, ""},
		"the stats socket holds": {Config{Master: cli("operator", false), Stats: cli("admin", false)}, ""},
		"nothing can be held":    {Config{Master: cli("operator", false), Stats: cli("operator", false)}, "lb-1: no socket has level admin"},
		"nothing needs a hold":   {Config{Master: cli("operator", false), FollowsRuntime: true}, ""},
		"the last reload failed": {Config{Master: cli("admin", true)}, "lb-1: its last reload failed"},
		"a stats page":           {Config{Stats: "http://127.0.0.1:1/stats"}, "lb-1: only the worker that answers its stats page is seen"},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := balancer(t, test.cfg).Remarks(t.Context())
			if err != nil || (test.want == "") != (len(said) == 0) || (test.want != "" && (len(said) != 1 || !strings.HasPrefix(said[0], test.want))) {
				t.Errorf("%q, %v, want %q", said, err, test.want)
			}
		})
	}
	if _, err := balancer(t, Config{Master: "unix:///nowhere.sock"}).Remarks(t.Context()); err == nil || !strings.Contains(err.Error(), "lb-1") {
		t.Errorf("a master that is not there: %v", err)
	}
}

// Servers are those of the running worker, wherever the old one still has others.
func TestServersOfTheRunningWorker(t *testing.T) {
	b := replay(t, "unheld-idle")
	all, err := b.Servers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].Name != "app/s2" || all[0].Status != "UP" || all[1].Name != "other/o1" {
		t.Errorf("%+v", all)
	}
}
