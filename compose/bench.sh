#!/usr/bin/env bash
# Measures what the README promises: planning, start-up, size, building images, and RUNS demos in a row (default 3).
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p demo
echo "== planning 1,000 containers (build and verify)"
go test ./cutover -run xxx -bench Plan1000 -benchtime 5x | grep Benchmark
echo "== the binary"
stat -c '%s bytes' bin/cutover
for _ in 1 2 3; do
	/usr/bin/env bash -c 'TIMEFORMAT="version: %R s"; time bin/cutover version >/dev/null'
done
echo "== building images"
CUTOVER_FIGURES=1 go test -tags integration -count=1 -timeout 30m -run TestImageFigures -v ./integration/ | grep -E 'MB of packages|^(FAIL|---)'
echo "== a cutover, and a plain script that does the same without looking"
CUTOVER_FIGURES=1 go test -tags integration -count=1 -timeout 30m -run 'TestCutoverFigures|TestWaitingFigures|TestRuntimeFigures' -v ./integration/ | grep -E 'a plain script|cutover, hold|propagation (by|at)|latency before: p99|own CPU|^(FAIL|---)'
for run in $(seq "${RUNS:-3}"); do
	echo "== demo $run"
	SECONDS=0
	compose/demo.sh gateway >demo/bench.log 2>&1 || { tail -40 demo/bench.log; exit 1; }
	sed -n -e '/requests lost/p' -e '/latency/p' -e '/Consul.s change/p' -e '/overhead/p' demo/bench.log
	grep -E '"(requests|lost|p99_ms)"' demo/workload.json | tr -d '\n'
	echo
	echo "whole demo: ${SECONDS} s"
done
compose/down.sh
