#!/bin/bash
# Run by consul-template when it has rendered a candidate. Whatever happens it exits
# with 0: consul-template would exit if it failed, and the load balancer would stay
# as it is from then on. What could not be done is one line in the log.
#
# What it leaves for the workers to say of themselves (upstream.ctmpl):
#   settled   is there while all workers that accept connections run the same file
#   old.conf  names every worker of before, with the servers of its file
set -uo pipefail
trap 'exit 0' EXIT
# shellcheck source=compose/nginx/workers.sh
. /usr/local/bin/workers.sh

cd /run/nginx || exit
running=upstream.conf

say() { echo "reload: $*" >&2; }

# servers FILE: sets $servers to what a file sends requests to, and $count.
servers() {
	local line
	servers='' count=0
	while read -r line; do
		if [[ $line =~ ^set.*'server '[^\ ]+\ ([^\\]+) ]]; then
			servers+=" ${BASH_REMATCH[1]}"
			count=$((count + 1))
		fi
	done <"$1"
}

# settle PID...: waits until all workers that accept are others than these.
settle() {
	local deadline=$((SECONDS + 10)) pid
	while ((SECONDS < deadline)); do
		if workers; then
			for pid in "${accepting[@]}"; do
				[[ " $* " == *" $pid "* ]] && break
				pid=
			done
			if [ -z "$pid" ]; then
				return 0
			fi
		fi
		sleep 0.02
	done
	return 1
}

# One at a time. Whoever else reloads nginx does it under this lock:
# flock /run/nginx/lock nginx -s reload
exec {lock}>lock && flock "$lock"

if [ -e settled ] && cmp -s candidate.conf "$running"; then
	exit
fi

# When Consul has lost sight of every instance (its own agent restarted, a network
# is cut) the list is empty. Serving from the last one known is better than 502 for all.
servers candidate.conf
have=$count
servers "$running"
if [ "$have" = 0 ]; then
	say "kept the old file: the new one has no server and the old one has $count"
	exit
fi

# Every worker that is there now becomes an old one. What was written of it before still
# holds; one of which nothing was written runs the file that is there now.
if ! workers; then
	say "there is no nginx to reload: no worker of the master in /run/nginx.pid"
	exit
fi
old=
for pid in "${accepting[@]}" "${leaving[@]}"; do
	line=$(grep -F -- "-e /proc/$pid)" old.conf) ||
		line="if (-e /proc/$pid) { set \$cutover \"\${cutover}old $pid$servers\\n\"; }"
	old+=$line$'\n'
done
before=("${accepting[@]}")

rm -f settled
cp "$running" previous.conf
cp old.conf previous.old
printf '%s' "$old" >old.conf
cp candidate.conf "$running.new" && mv "$running.new" "$running"
if errors=$(nginx -t -q 2>&1) && errors=$(nginx -s reload 2>&1) && settle "${before[@]}"; then
	touch settled
	say "workers ${accepting[*]} run $have servers"
	exit
fi

say "kept the old file: ${errors:-no new workers alone within 10s: see the error log of nginx}"
# Where nothing has changed, the file of the workers that go on comes back. Where some
# workers are new, nothing is settled until the next candidate has been loaded.
if workers && [ "${accepting[*]}" = "${before[*]}" ]; then
	mv previous.conf "$running"
	mv previous.old old.conf
	touch settled
fi
