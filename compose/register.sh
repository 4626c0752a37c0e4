#!/bin/sh
# Registers the fleet's containers in Consul, as whoever operates it would have, and
# waits until both load balancers run all of them. APP=gateway (default) or httpbin.
set -eu
# shellcheck source=compose/common.sh
. "$(dirname "$0")/common.sh"

consul=$(containers consul)

leader() { docker exec "$consul" consul operator raft list-peers 2>/dev/null | grep -q leader; }
await 30 "Consul has a leader" leader

address() { docker inspect --format "{{(index .NetworkSettings.Networks \"${project}_edge\").IPAddress}}" "$1"; }
number() { docker inspect --format '{{index .Config.Labels "com.docker.compose.container-number"}}' "$1"; }

fleet_file=$(mktemp)
trap 'rm -f "$fleet_file"' EXIT
for container in $(containers "$fleet"); do
	ip=$(address "$container")
	cat >>"$fleet_file" <<EOF
services {
  id      = "$service-$(number "$container")"
  name    = "$service"
  address = "$ip"
  port    = $port
  tags    = ["demo", "edge"]
  meta    = { owner = "integration" }
  weights = { passing = 10, warning = 1 }
  checks = [{
    name     = "health"
    http     = "http://$ip:$port$check"
    interval = "1s"
    timeout  = "1s"
  }]
}
EOF
done
# The command tells the format by the ending of the name, so it cannot read a pipe.
docker cp "$fleet_file" "$consul:/fleet.hcl" >/dev/null
docker exec "$consul" consul services register /fleet.hcl

# A load balancer runs a container when a server with its address (field 5) is up
# (field 6 is 2) in "show servers state".
runs_all() {
	state=$(docker exec "$1" sh -c 'echo "show servers state gateways" | socat - /run/haproxy/admin.sock' 2>/dev/null) || return 1
	for container in $(containers "$fleet"); do
		echo "$state" | awk -v ip="$(address "$container")" '$5 == ip && $6 == 2 { found = 1 } END { exit !found }' || return 1
	done
}
for lb in lb-1 lb-2; do
	await 60 "$lb runs all $nodes nodes" runs_all "$(containers $lb)"
done
echo "$nodes nodes of $service are registered; lb-1 and lb-2 run them all"
