package config

import (
	"strings"
	"testing"
)

func TestStatsPage(t *testing.T) {
	const sockets = `{name: lb-1, kind: haproxy, stats: "tcp://127.0.0.1:9999", master: "tcp://127.0.0.1:9998"}`
	for name, test := range map[string]struct{ page, strategy, want string }{
		"plain":               {`stats: "http://10.0.0.5:8404/stats;csv"`, "", ""},
		"with a password":     {`stats: "https://10.0.0.5/stats", user: ops, password_env: P, ca_file: ca.pem`, "", ""},
		"on this host":        {`stats: "http://127.0.0.1:8404/stats"`, "", "load_balancers[0].from: missing"},
		"with a master":       {`stats: "http://10.0.0.5:8404/stats", master: "tcp://10.0.0.5:9998"`, "", "load_balancers[0].master: a load balancer with a stats page"},
		"without sockets":     {`stats: "http://10.0.0.5:8404/stats"`, "drain: {sockets: \"off\"}", "strategy.drain.sockets: off, but lb-1 shows nothing but its stats page"},
		"how long":            {`stats: "http://10.0.0.5:8404/stats"`, "", "load_balancers[0].settle: missing: a stats page shows no old workers"},
		"a password in it":    {`stats: "http://ops:secret@10.0.0.5:8404/stats"`, "", "user and password have keys of their own"},
		"user, no password":   {`stats: "http://10.0.0.5:8404/stats", user: ops`, "", "give user together with"},
		"authority, no TLS":   {`stats: "http://10.0.0.5:8404/stats", insecure: true`, "", "ca_file and insecure are for https"},
		"a socket's password": {`stats: "tcp://10.0.0.5:9999", master: "tcp://10.0.0.5:9998", user: ops`, "", "are for a stats page"},
	} {
		t.Run(name, func(t *testing.T) {
			settle := ", settle: 1m"
			if name == "how long" {
				settle = ""
			}
			text := strings.Replace(good, sockets, "{name: lb-1, kind: haproxy, "+test.page+settle+"}", 1) + "  " + test.strategy + "\n"
			c, err := parse("cutover.yaml", "/", []byte(text))
			if (err == nil) != (test.want == "") || (err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret"))) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if err == nil && !c.LoadBalancers[0].OnPage() {
				t.Error("it is not taken for a stats page")
			}
		})
	}
}
