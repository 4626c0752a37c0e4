#!/bin/sh
# Starts the stack and registers its fleet. APP=gateway (default) or httpbin.
# The images must be there: `make images`.
set -eu
# shellcheck source=compose/common.sh
. "$(dirname "$0")/common.sh"

set -- -f "$here/compose.yaml"
if [ "$fleet" = httpbin ]; then
	set -- "$@" -f "$here/compose.httpbin.yaml" up -d --scale gateway=0 --scale "httpbin=$nodes"
else
	set -- "$@" up -d --scale "gateway=$nodes"
fi
compose "$@"
exec "$here/register.sh"
