#!/bin/sh
# Removes everything that belongs to the stack, by its Compose label: containers that
# a cutover has put in the place of others carry it too.
set -eu
# shellcheck source=compose/common.sh
. "$(dirname "$0")/common.sh"

mine="label=com.docker.compose.project=$project"
docker ps -aq --filter "$mine" | xargs -r docker rm -fv >/dev/null
docker network ls -q --filter "$mine" | xargs -r docker network rm >/dev/null
docker volume ls -q --filter "$mine" | xargs -r docker volume rm >/dev/null

# What the demo built and remembered.
docker image ls -q cutover-demo/fixed-gateway | sort -u | xargs -r docker image rm -f >/dev/null
