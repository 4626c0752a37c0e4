#!/bin/bash
# Run by consul-template when it has rendered a candidate. Whatever happens it exits
# with 0: consul-template would exit if it failed, and the load balancer would stay
# as it is from then on. What could not be done is one line in the log.
set -uo pipefail
# shellcheck source=compose/haproxy/master.sh
. /usr/local/bin/master.sh

fixed=/etc/haproxy/haproxy.cfg
candidate=/run/haproxy/candidate.cfg
running=/run/haproxy/gateways.cfg

say() { echo "reload: $*" >&2; }
servers() { # FILE: sets $count
	local line
	count=0
	while read -r line; do
		[[ $line == server\ * ]] && count=$((count + 1))
	done <"$1"
}

new=$(<"$candidate")
if [ "$new" = "$(<"$running")" ]; then
	exit 0
fi

# When Consul has lost sight of every instance (its own agent restarted, a network
# is cut) the list is empty. Serving from the last one known is better than 503 for
# all; HAProxy's own checks take out the servers that are really gone.
servers "$running" && had=$count
servers "$candidate" && have=$count
if [ "$have" = 0 ] && [ "$had" != 0 ]; then
	say "kept the old file: the new one has no server and the old one has $had"
	exit 0
fi

if ! errors=$(haproxy -c -f "$fixed" -f "$candidate" 2>&1); then
	[[ $errors =~ \[ALERT\][^$'\n']* ]]
	say "kept the old file: HAProxy refuses the new one: ${BASH_REMATCH[0]:-$errors}"
	exit 0
fi

printf '%s\n' "$new" >"$running.new" && mv "$running.new" "$running"

# The master's CLI answers only once its signal handlers are installed; SIGUSR2 sent
# before that would kill it. The reload ends the connection that asks for it, so
# its effect is looked for: another worker.
worker=
worker
old=$worker
deadline=$((SECONDS + 15))
asked=-9
while ((SECONDS < deadline)); do
	if ((SECONDS - asked > 3)); then
		master reload
		asked=$SECONDS
	fi
	if worker && [ "$worker" != "$old" ]; then
		say "worker $worker runs $have servers"
		exit 0
	fi
	sleep 0.01
done
say "no new worker was seen within 15s"
exit 0
