package haproxy

import (
	"net/netip"
	"strings"
	"testing"
)

func TestCheckSaysWhatToDo(t *testing.T) {
	all, proc := transcript(t, "running")
	user, _ := transcript(t, "stats-user")
	master := listen(t, func(line string) string {
		if line == "show proc" {
			return proc
		}
		return proc + all
	})
	always := func(answer string) string { return listen(t, func(string) string { return answer }) }
	cases := []struct {
		name string
		cfg  Config
		want string // part of the error; empty: none
	}{
		{"fine", Config{Master: master}, ""},
		{"fine with a backend", Config{Master: master, Backend: "app"}, ""},
		{"unknown backend", Config{Master: master, Backend: "ap"}, "no backend ap: check load_balancers[].backend"},
		{"no master", Config{Stats: master}, "-W -S"},
		{"stats socket as master", Config{Master: always("Unknown command, but maybe one of\n\n")}, "is this the master's socket"},
		{"level user hides addresses", Config{Master: oneWorker(t, user)}, "level operator"},
		{"stats socket is something else", Config{Master: master, Stats: always("Name: x\n\nName: y\n\n")}, "is not `show info`"},
		{"stats socket dead", Config{Master: master, Stats: "unix:///nowhere.sock"}, "connect to unix:///nowhere.sock"},
		{"reloading", Config{Master: always("#<PID> <type>\n1 master 1\n# workers\n# old workers\n2 worker 1\n\n")}, "no running worker"},
		{"empty answer", Config{Master: always("")}, "lb-1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := balancer(t, c.cfg)
			err := b.Check(t.Context())
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if _, lookErr := b.Look(t.Context(), []netip.AddrPort{s1}); c.want != "" && !strings.HasPrefix(c.name, "stats socket is") && !strings.HasPrefix(c.name, "stats socket dead") && lookErr == nil {
				t.Error("look agrees where check does not")
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []Config{
		{},
		{Name: "lb", Master: "10.0.0.1:9999"},
		{Name: "lb", Master: "tcp://10.0.0.1"},
		{Name: "lb", Master: "http://10.0.0.1:80"},
		{Name: "lb", Stats: "unix://relative"},
		{Name: "lb", Master: "tcp://user:secret@10.0.0.1:1"},
		{Name: "lb", Master: "tcp://10.0.0.1:1", Backend: "a;shutdown"},
		{Name: "lb", Stats: "http://10.0.0.1:1/stats", Master: "tcp://10.0.0.1:1"},
		{Name: "lb", Stats: "http://user:secret@10.0.0.1:1/stats"},
		{Name: "lb", Stats: "https://10.0.0.1:1/stats", CAFile: "/nowhere.pem"},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
