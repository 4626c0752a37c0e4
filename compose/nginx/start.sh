#!/bin/bash
# PID 1: nginx first, then the consul-template that drives it.
set -uo pipefail
# shellcheck source=compose/nginx/workers.sh
. /usr/local/bin/workers.sh

say() { echo "start: $*" >&2; }

mkdir -p /run/nginx
cd /run/nginx || exit 1
running=upstream.conf
rm -f settled
: >old.conf # there is no worker of before
# A restarted container still has the file of its last run. Consul's answer replaces it.
if [ ! -s "$running" ] || ! nginx -t -q; then
	printf 'upstream gateways { server 127.0.0.1:1 down; }\n' >"$running"
fi

nginx -g 'daemon off;' &
nginx=$!
template=
trap 'kill -QUIT "$nginx"' QUIT
trap 'kill -TERM "$nginx"' TERM INT

awaited=$((SECONDS + 30))
until workers; do
	if ! kill -0 "$nginx" 2>/dev/null || ((SECONDS > awaited)); then
		say "nginx has no worker within 30s"
		kill -KILL "$nginx" 2>/dev/null
		exit 1
	fi
	sleep 0.02
done
touch settled

start_template() {
	rm -f candidate.conf # so that the command is run, whatever became of the last one
	consul-template -config /etc/consul-template/consul-template.hcl &
	template=$!
}

start_template
while :; do
	wait -n "$nginx" "$template" # ends when either does, or by a signal
	if ! kill -0 "$nginx" 2>/dev/null; then
		wait "$nginx"
		code=$?
		say "nginx has ended with $code"
		kill -TERM "$template" 2>/dev/null
		exit "$code"
	fi
	if ! kill -0 "$template" 2>/dev/null; then
		say "consul-template has ended; it is started again"
		sleep 1 # so that one that fails at once does not spin
		start_template
	fi
done
