package config

import (
	"net"
	"net/url"
	"time"
)

func (c Config) driverProblems(say sayer, oneOf func(key, value string, allowed ...string)) {
	d := c.Driver
	oneOf("driver.kind", d.Kind, "apigateway", "integrationserver", "http", "none")
	webMethods := d.Kind == "apigateway" || d.Kind == "integrationserver"
	if webMethods && d.User == "" {
		say("driver.user", "missing: the product's administrator")
	}
	if webMethods && d.PasswordFile == "" && d.PasswordEnv == "" {
		say("driver", "give password_file or password_env: where the password of %s is to be found", d.User)
	}
	c.productProblems(say, oneOf)
	if d.Minutes < 0 {
		say("driver.minutes", "%d is negative", d.Minutes)
	}
	if d.DataStore != "" {
		oneOf("driver.data_store", d.DataStore, "external")
	}
	if d.ClientIDs != "" {
		oneOf("driver.client_ids", d.ClientIDs, "shared")
	}
	if d.HTTPS && d.CAFile == "" && !d.Insecure {
		say("driver.https", "needs ca_file, a file with the certificate (PEM) that signed the product's, or insecure: true")
	}
	if !d.HTTPS && (d.CAFile != "" || d.Insecure || d.ServerName != "") {
		say("driver", "ca_file, server_name and insecure are for https: true")
	}
	c.strategyProblems(say)
}

// productProblems are those of one kind of driver.
func (c Config) productProblems(say sayer, oneOf func(key, value string, allowed ...string)) {
	d := c.Driver
	switch d.Kind {
	case "apigateway":
		oneOf("driver.quiesce", d.Quiesce, "all", "drain")
		for _, item := range d.Flush {
			oneOf("driver.flush", item, "license_metrics", "performance_metrics", "subscription_quota")
		}
		c.webhookProblems(say)
		if d.Quiesce == "drain" {
			c.minutesProblems(say)
		}
	case "integrationserver":
		if d.Quiesce != "" {
			say("driver.quiesce", "kind integrationserver has one way to quiesce: leave it out")
		}
		c.minutesProblems(say)
	case "http":
		if d.Ready == "" || d.Port == 0 {
			say("driver", "kind http needs port and ready (a path)")
		}
		if d.Quiesce != "" && d.Done == "" {
			say("driver.quiesce", "needs driver.done, a path that answers 200 once quiescing is over")
		}
	}
}

// minutesProblems are minutes that the step can't wait for.
func (c Config) minutesProblems(say sayer) {
	if limit := c.Strategy.Timeouts.Quiesce.Std(); time.Duration(c.Driver.Minutes)*time.Minute >= limit {
		say("driver.minutes", "%d minutes for what still runs don't fit into strategy.timeouts.quiesce (%s): make that longer", c.Driver.Minutes, limit)
	}
}

func (c Config) webhookProblems(say sayer) {
	hook := c.Driver.Webhook
	if hook == (Webhook{}) {
		return
	}
	if _, _, err := net.SplitHostPort(hook.Listen); err != nil {
		say("driver.webhook.listen", "%q is not host:port", hook.Listen)
	}
	if u, err := url.Parse(hook.URL); err != nil || u.Host == "" {
		say("driver.webhook.url", "%q is not a URL", hook.URL)
	}
}

// strategyProblems are those of strategies that not every driver can carry out.
func (c Config) strategyProblems(say sayer) {
	kind, d := c.Strategy.Kind, c.Driver
	switch {
	case kind == "bluegreen" && d.Kind != "apigateway":
		say("strategy.kind", "bluegreen blocks changes of the old node's configuration, which only driver.kind apigateway can: use rolling")
	case kind == "bluegreen" && d.Quiesce == "drain":
		say("driver.quiesce", "drain does not go with strategy.kind bluegreen: use all")
	case kind == "cluster" && d.Kind == "integrationserver" && (len(d.Separate.Name) == 0 || len(d.Separate.Addresses) == 0 || len(d.Separate.Database) == 0):
		say("driver.separate", "strategy.kind cluster needs name, addresses and database: the variables that give the new set a cluster name, Terracotta or Ignite addresses and an ISInternal database of its own")
	case kind == "cluster" && d.Kind != "apigateway" && d.Kind != "integrationserver":
		say("strategy.kind", "cluster is for products that make a cluster (driver.kind apigateway or integrationserver): use rolling")
	}
}
