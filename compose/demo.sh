#!/usr/bin/env bash
# demo.sh gateway|httpbin: starts the stack, puts it under load, and replaces its fleet. Leaves demo/report.json.
# The images and bin/cutover must be there: make demo sees to it.
set -euo pipefail
export APP=$1
# shellcheck source=compose/common.sh
. "$(dirname "$0")/common.sh"
top=$(cd "$here/.." && pwd)
config=$here/demo/cutover.yaml
[ "$APP" = gateway ] || config=$here/demo/cutover.$APP.yaml
export GATEWAY_PASSWORD=manage # the stand-in's; a real one comes from a file or a vault

say() { printf '\n== %s\n' "$*"; }

say "A fresh stack: Consul, two HAProxy driven by consul-template, three $fleet containers"
"$here/down.sh"
mkdir -p "$top/demo"
"$here/up.sh"

say "A workload of its own: 200 requests/s through both load balancers (GET, POST, requests that take 3 s)"
docker run -d --name "$project-workload" --label "com.docker.compose.project=$project" --network "${project}_edge" \
	cutover-demo/workload:1 -url http://lb-1:8080,http://lb-2:8080 -rate 200 -app "$APP" >/dev/null

if [ "$APP" = gateway ]; then
	say "cutover build"
	"$top/bin/cutover" build -f "$config"
fi

say "cutover check"
"$top/bin/cutover" check -f "$config"

say "cutover apply"
code=0
"$top/bin/cutover" apply -f "$config" --yes --report "$top/demo/report.json" || code=$?

say "What the workload saw"
docker kill --signal TERM "$project-workload" >/dev/null
lost=0
timeout 60 docker wait "$project-workload" >/dev/null
docker logs "$project-workload" >"$top/demo/workload.json"
sed -n -e '/"requests"/p' -e '/"lost"/p' -e '/"p50_ms"/p' -e '/"p99_ms"/p' -e '/"versions"/,/}/p' "$top/demo/workload.json"
grep -q '"lost": 0,' "$top/demo/workload.json" && grep -q '"lost": 0,' "$top/demo/report.json" || lost=1

say "demo/report.json has the figures, demo/workload.json the workload's; make demo-down removes the stack"
exit $((code != 0 ? code : lost))
