# The address of Consul comes from CONSUL_HTTP_ADDR.

log_level = "warn"

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
  source      = "/etc/consul-template/upstream.ctmpl"
  destination = "/run/nginx/candidate.conf"

  # consul-template exits when its command fails, so this one never does.
  command         = ["/usr/local/bin/reload.sh"]
  command_timeout = "30s"
}
