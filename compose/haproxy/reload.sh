#!/bin/bash
# Run by consul-template when it has rendered a candidate. Whatever happens it exits
# with 0: consul-template would exit if it failed, and the load balancer would stay
# as it is from then on. What could not be done is one line in the log.
set -uo pipefail

fixed=/etc/haproxy/haproxy.cfg
candidate=/run/haproxy/candidate.cfg
running=/run/haproxy/gateways.cfg

say() { echo "reload: $*" >&2; }
servers() { grep -c '^[[:space:]]*server ' "$1"; }

# The pid of the running worker: the first line below "# workers".
worker() {
	local proc pid
	proc=$(master.sh 'show proc') || return 1
	proc=${proc#*# workers$'\n'}
	pid=${proc%%[^0-9]*}
	[ -n "$pid" ] && echo "$pid"
}

if cmp -s "$candidate" "$running"; then
	exit 0
fi

# When Consul has lost sight of every instance (its own agent restarted, a network
# is cut) the list is empty. Serving from the last one known is better than 503 for
# all; HAProxy's own checks take out the servers that are really gone.
if [ "$(servers "$candidate")" = 0 ] && [ "$(servers "$running")" != 0 ]; then
	say "kept the old file: the new one has no server and the old one has $(servers "$running")"
	exit 0
fi

if ! errors=$(haproxy -c -q -f "$fixed" -f "$candidate" 2>&1); then
	say "kept the old file: HAProxy refuses the new one: ${errors//$'\n'/ }"
	exit 0
fi

cp "$candidate" "$running.new" && mv "$running.new" "$running"

# The master's CLI answers only once its signal handlers are installed; SIGUSR2 sent
# before that would kill it. The reload ends the connection that asks for it, so
# its effect is looked for: another worker.
old=$(worker) || old=
deadline=$((SECONDS + 15))
asked=-1
while ((SECONDS < deadline)); do
	if ((asked < 0 || SECONDS - asked > 3)); then
		master.sh reload >/dev/null
		asked=$SECONDS
	fi
	if new=$(worker) && [ "$new" != "$old" ]; then
		say "worker $new runs $(servers "$running") servers"
		exit 0
	fi
	sleep 0.01
done
say "no new worker was seen within 15s"
exit 0
