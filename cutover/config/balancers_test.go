package config

import (
	"slices"
	"strings"
	"testing"
)

func TestNginx(t *testing.T) {
	const haproxy = `{name: lb-1, kind: haproxy, stats: "tcp://127.0.0.1:9999", master: "tcp://127.0.0.1:9998"}`
	for name, test := range map[string]struct {
		nginx string
		from  []Peer
		err   string
	}{
		"asked from afar":     {`members: "http://10.0.0.6:8081/m"`, []Peer{"10.0.0.6"}, ""},
		"asked on this host":  {`members: "http://127.0.0.1:8081/m"`, nil, "cutover.yaml:13: load_balancers[0].from: missing"},
		"asked by name":       {`members: "https://lb-2/m"`, nil, "load_balancers[0].from: missing"},
		"said":                {`members: "https://lb-2/m", from: ["container:lb-2"]`, []Peer{"container:lb-2"}, ""},
		"no members":          {`from: [10.0.0.6]`, nil, "load_balancers[0].members: it must be the URL"},
		"a password":          {`members: "http://u:secret@10.0.0.6/m"`, nil, "load_balancers[0].members: it must be the URL"},
		"a token":             {`members: "http://10.0.0.6/m?token=secret"`, nil, "load_balancers[0].members: it must be the URL"},
		"a socket of HAProxy": {`members: "tcp://10.0.0.6:8081"`, nil, "load_balancers[0].members: it must be the URL"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parse("cutover.yaml", "/", []byte(strings.Replace(good, haproxy, "{name: lb-2, kind: nginx, "+test.nginx+"}", 1)))
			if test.err == "" {
				if err != nil || !slices.Equal(c.LoadBalancers[0].Sources(), test.from) {
					t.Errorf("%v, %v", c.LoadBalancers, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got  %v\nwant %s", err, test.err)
			}
		})
	}
}

func TestBalancersWithAnAPI(t *testing.T) {
	const haproxy = `{name: lb-1, kind: haproxy, stats: "tcp://127.0.0.1:9999", master: "tcp://127.0.0.1:9998"}`
	for said, want := range map[string]string{
		`kind: traefik, api: "http://10.0.0.8:8080"`:                    "",
		`kind: fabio, api: "http://127.0.0.1:9998", from: ["10.0.0.7"]`: "",
		`kind: fabio, api: "http://127.0.0.1:9998"`:                     "load_balancers[0].from: missing",
		`kind: fabio, api: "http://u:secret@10.0.0.7:9998"`:             "load_balancers[0].api: it must be the URL of fabio's API",
		`kind: traefik`: "load_balancers[0].api: it must be the URL of traefik's API",
		`kind: fabio, api: "http://10.0.0.7:9998", from: ["fabio.intern"]`: "neither an address, nor a range",
	} {
		_, err := parse("cutover.yaml", "/", []byte(strings.Replace(good, haproxy, "{name: lb-1, "+said+"}", 1)))
		if (err == nil) != (want == "") || (err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret"))) {
			t.Errorf("%s: %v", said, err)
		}
	}
}
