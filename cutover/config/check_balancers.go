package config

import (
	"fmt"
	"net/url"
	"strings"
)

func (c Config) balancerProblems(say sayer, oneOf func(key, value string, allowed ...string)) {
	if len(c.LoadBalancers) == 0 {
		say("load_balancers", "missing: without one nothing can be observed; name one with kind: blind if that is meant")
	}
	names := map[string]bool{}
	for i, lb := range c.LoadBalancers {
		key := fmt.Sprintf("load_balancers[%d]", i)
		if lb.Name == "" || names[lb.Name] {
			say(key+".name", "%q: each load balancer needs a name of its own", lb.Name)
		}
		names[lb.Name] = true
		oneOf(key+".kind", lb.Kind, "haproxy", "nginx", "traefik", "fabio", "blind")
		for _, from := range lb.From {
			if !Peer(from).valid() {
				say(key+".from", "%s", Peer(from).remedy())
			}
		}
		if len(lb.Config) > 0 && lb.Kind != "haproxy" {
			say(key+".config", "only the files of HAProxy are understood")
		}
		c.kindProblems(say, oneOf, key, lb)
	}
}

func (c Config) kindProblems(say sayer, oneOf func(key, value string, allowed ...string), key string, lb LoadBalancer) {
	switch lb.Kind {
	case "haproxy":
		c.haproxyProblems(say, key, lb)
		oneOf(key+".follows", lb.Follows, "reload", "runtime")
		if lb.Follows == "runtime" && len(lb.Sources()) == 0 {
			say(key+".from", "missing: with follows: runtime the members' own connections tell what is in flight, and HAProxy's must be told from others")
		}
	case "nginx":
		if !isPlainURL(lb.Members) {
			say(key+".members", "it must be the URL where nginx's workers say what they run, such as http://10.0.0.6:8081/cutover/members, without a user, a password or a query")
		} else if len(lb.Sources()) == 0 {
			say(key+".from", "missing: members does not tell from which address nginx connects to the containers; its connections must be told from others")
		}
	case "traefik", "fabio":
		if !isPlainURL(lb.API) {
			say(key+".api", "it must be the URL of %s's API, such as http://10.0.0.7:9998, without a user, a password or a query", lb.Kind)
		} else if len(lb.Sources()) == 0 {
			say(key+".from", "missing: api does not tell from which address %s connects to the containers; its connections must be told from others", lb.Kind)
		}
	case "blind":
		if lb.Settle <= 0 {
			say(key+".settle", "missing: how long this load balancer is trusted to take, because it can't be asked")
		}
	}
}

func (c Config) haproxyProblems(say sayer, key string, lb LoadBalancer) {
	if lb.OnPage() {
		c.pageProblems(say, key, lb)
		return
	}
	if strings.HasPrefix(lb.Stats, "http") {
		say(key+".stats", "a stats page's URL must look like http://10.0.0.5:8404/stats;csv; user and password have keys of their own")
		return
	}
	if lb.Stats == "" || lb.Master == "" {
		say(key, "haproxy needs stats and master, each tcp://host:port or unix:///path: without the master CLI old workers can't be looked into; where there is nothing but a stats page, give its URL as stats")
	}
	for name, address := range map[string]string{"stats": lb.Stats, "master": lb.Master} {
		if address != "" && !strings.HasPrefix(address, "tcp://") && !strings.HasPrefix(address, "unix://") {
			say(key+"."+name, "%q is neither tcp://host:port nor unix:///path", address)
		}
	}
	if lb.User != "" || lb.PasswordFile != "" || lb.PasswordEnv != "" || lb.CAFile != "" || lb.Insecure {
		say(key, "user, password_file, password_env, ca_file and insecure are for a stats page: stats is not the URL of one")
	}
}

// pageProblems: a stats page shows one worker, and only what it sends now. The rest has to be proved by the members' own
// connections.
func (c Config) pageProblems(say sayer, key string, lb LoadBalancer) {
	if lb.Master != "" {
		say(key+".master", "a load balancer with a stats page is asked for nothing else: give its stats socket, or leave master out")
	}
	if c.Strategy.Drain.Sockets == "off" {
		say("strategy.drain.sockets", "off, but %s shows nothing but its stats page, where old workers are not seen: only the members' own connections can tell when a drain is over", lb.Name)
	}
	if len(lb.Sources()) == 0 {
		say(key+".from", "missing: a stats page does not tell from which address HAProxy connects to the containers; its connections must be told from others")
	}
	if lb.Settle <= 0 {
		say(key+".settle", "missing: a stats page shows no old workers: how long may one go on with idle clients after a reload? HAProxy's timeout http-keep-alive, or hard-stop-after")
	}
	if (lb.User == "") != (lb.PasswordFile == "" && lb.PasswordEnv == "") || (lb.PasswordFile != "" && lb.PasswordEnv != "") {
		say(key, "give user together with either password_file or password_env, or neither")
	}
	if strings.HasPrefix(lb.Stats, "http://") && (lb.CAFile != "" || lb.Insecure) {
		say(key, "ca_file and insecure are for https")
	}
}

// isPlainURL reports whether a text is an http or https URL that holds nothing secret.
func isPlainURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil && u.RawQuery == ""
}
