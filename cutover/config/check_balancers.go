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
		switch lb.Kind {
		case "haproxy":
			if lb.Stats == "" || lb.Master == "" {
				say(key, "haproxy needs stats and master, each tcp://host:port or unix:///path: without the master CLI old workers can't be looked into")
			}
			for name, address := range map[string]string{"stats": lb.Stats, "master": lb.Master} {
				if address != "" && !strings.HasPrefix(address, "tcp://") && !strings.HasPrefix(address, "unix://") {
					say(key+"."+name, "%q is neither tcp://host:port nor unix:///path", address)
				}
			}
			oneOf(key+".follows", lb.Follows, "reload", "runtime")
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
}

// isPlainURL reports whether a text is an http or https URL that holds nothing secret.
func isPlainURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil && u.RawQuery == ""
}
