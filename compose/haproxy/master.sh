# shellcheck shell=bash
# Sourced. Asks HAProxy's master process without starting a program: on a busy
# machine each one would cost more than the answer.

# master COMMAND: sets $answer; fails when nobody answers within 2 s. An answer ends
# with an empty line; the connection stays open, except after a reload.
master() {
	answer=
	exec {cli}<>/dev/tcp/127.0.0.1/9998 || return 1
	printf '%s\n' "$1" >&"$cli"
	local line
	while IFS= read -r -t 2 -u "$cli" line; do
		[ -n "$line" ] || break
		answer+=$line$'\n'
	done
	exec {cli}>&-
	[ -n "$answer" ]
} 2>/dev/null

# worker: sets $worker to the pid of the running worker, the first line below
# "# workers"; fails when there is none.
worker() {
	master 'show proc' || return 1
	[[ $answer == *'# workers'* ]] || return 1
	worker=${answer#*# workers$'\n'}
	worker=${worker%%[!0-9]*}
	[ -n "$worker" ]
}
