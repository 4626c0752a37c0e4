# shellcheck shell=bash
# Sourced. What can be seen of nginx's processes, without starting a program: on a busy
# machine each one would cost more than the answer.

# workers: sets $accepting and $leaving to the pids of the master's workers. A worker
# gives itself its new title before it closes its listeners, in one turn: one that is
# leaving accepts nothing more. One that was just forked still has the master's title.
# Fails when there is no master.
workers() {
	accepting=() leaving=()
	local master children child title
	read -r master </run/nginx.pid || return 1
	read -r children <"/proc/$master/task/$master/children" || [ -n "$children" ] || return 1
	for child in $children; do
		title=
		IFS= read -r -d '' title <"/proc/$child/cmdline"
		case $title in
		'nginx: worker process is shutting down'*) leaving+=("$child") ;;
		'nginx: worker process'* | 'nginx: master process'*) accepting+=("$child") ;;
		esac
	done
	[ ${#accepting[@]} -gt 0 ]
} 2>/dev/null
