#!/bin/bash
# PID 1: HAProxy first, then the consul-template that drives it.
set -uo pipefail
# shellcheck source=compose/haproxy/master.sh
. /usr/local/bin/master.sh

say() { echo "start: $*" >&2; }

mkdir -p /run/haproxy
running=/run/haproxy/gateways.cfg
rm -f /run/haproxy/candidate.cfg
# A restarted container still has the file of its last run. Consul's answer replaces it.
if [ ! -s "$running" ]; then
	printf 'backend %s from http\n\tbalance roundrobin\n' gateways gateways-ws >"$running"
fi

haproxy -W -db -S '*:9998,level,admin' -f /etc/haproxy/haproxy.cfg -f "$running" &
haproxy=$!
template=
stopping=

# A reload that reaches a master which is ending starts a worker that takes connections again, and they are cut when the
# container's time is over (seen on 2.6.12). So consul-template ends first, and a reload that it has begun.
stop() {
	stopping=1
	if [ -n "$template" ]; then
		kill -TERM "$template" 2>/dev/null
		wait "$template"
	fi
	exec {lock}>"$running.lock"
	flock -w 5 "$lock"
	kill "-$1" "$haproxy"
	exec {lock}>&-
}
trap 'stop TERM' TERM INT
trap 'stop USR1' USR1

# consul-template renders within 100 ms, and a reload that reaches a master without
# signal handlers kills it. The master's CLI answers once they are there.
awaited=$((SECONDS + 30))
until worker; do
	if ! kill -0 "$haproxy" 2>/dev/null || ((SECONDS > awaited)); then
		say "HAProxy's master does not answer within 30s"
		kill -KILL "$haproxy" 2>/dev/null
		exit 1
	fi
	sleep 0.02
done

start_template() {
	consul-template -config /etc/consul-template/consul-template.hcl &
	template=$!
}

start_template
while :; do
	wait -n "$haproxy" "$template" # ends when either does, or by a signal
	if ! kill -0 "$haproxy" 2>/dev/null; then
		wait "$haproxy"
		code=$?
		say "HAProxy has ended with $code"
		kill -TERM "$template" 2>/dev/null
		exit "$code"
	fi
	if [ -z "$stopping" ] && ! kill -0 "$template" 2>/dev/null; then
		say "consul-template has ended; it is started again"
		sleep 1 # so that one that fails at once does not spin
		start_template
	fi
done
