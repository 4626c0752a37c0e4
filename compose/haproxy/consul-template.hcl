# The address of Consul comes from CONSUL_HTTP_ADDR.

log_level = "warn"

# By default it ends by SIGINT only, which a shell's background programs ignore.
kill_signal = "SIGTERM"

consul {
  # By default consul-template gives up, and exits, after 12 attempts (about five minutes).
  # 0 attempts is "for ever".
  retry {
    enabled     = true
    attempts    = 0
    backoff     = "250ms"
    max_backoff = "5s"
  }
}

# No "wait": a change is rendered at once. Several changes in a row cost several
# reloads; waiting for more of them would delay every one.
template {
  source      = "/etc/consul-template/haproxy.ctmpl"
  destination = "/run/haproxy/candidate.cfg"

  # consul-template exits when its command fails, so this one never does.
  command = [
    "cutover", "lb", "reload", "--candidate", "/run/haproxy/candidate.cfg", "--running", "/run/haproxy/gateways.cfg",
    "--fixed", "/etc/haproxy/haproxy.cfg", "--master", "tcp://127.0.0.1:9998"
  ]
  command_timeout = "30s"
}
