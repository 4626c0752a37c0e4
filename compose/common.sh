# shellcheck shell=sh disable=SC2034
# Sourced by the other scripts: names, and the Compose that is here.

project=cutover-demo
here=$(cd "$(dirname "$0")" && pwd)

# What differs between the two fleets.
case ${APP:-gateway} in
gateway) fleet=gateway service=api-gateway port=5555 check=/rest/apigateway/health ;;
httpbin) fleet=httpbin service=httpbin port=8080 check=/status/200 ;;
*)
	echo "APP is gateway or httpbin, not $APP" >&2
	exit 1
	;;
esac
nodes=3

compose() {
	if docker compose version >/dev/null 2>&1; then
		set -- docker compose -p "$project" "$@"
	else
		set -- docker-compose -p "$project" "$@"
	fi
	SERVICE=$service CHECK_PATH=$check "$@"
}

# containers SERVICE: the ids of its running containers.
containers() {
	docker ps -q --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=$1"
}

# await SECONDS WHAT COMMAND...: polls until the command succeeds.
await() {
	await_until=$(($(date +%s) + $1)) await_what=$2
	shift 2
	until "$@"; do
		if [ "$(date +%s)" -ge "$await_until" ]; then
			echo "not seen in time: $await_what" >&2
			return 1
		fi
		sleep 0.1
	done
}
