#!/bin/bash
# master.sh COMMAND: asks HAProxy's master process; fails when it does not answer.
set -euo pipefail
answer=$(echo "$1" | socat -t 2 -T 2 - tcp:127.0.0.1:9998,connect-timeout=1 2>/dev/null)
if [ "$1" = "show proc" ] && [[ $answer != *'# workers'* ]]; then
	exit 1
fi
printf '%s\n' "$answer"
