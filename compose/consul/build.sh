#!/bin/bash
# Makes the image cutover-demo/consul:1.21 present: HashiCorp's own, or else
# Consul compiled from source (about four minutes on two cores, once).
# Usage: build.sh CACHE_FOLDER. `build.sh CACHE_FOLDER binary` only compiles.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=$(mkdir -p "$1" && cd "$1" && pwd)
image=cutover-demo/consul:1.21

compile() {
	# The module file names the version, so a newer module file means a newer binary.
	if [ -x "$cache/consul" ] && [ "$cache/consul" -nt "$here/go.mod" ]; then
		return
	fi
	echo "consul: compiling; this takes some minutes, once" >&2
	(cd "$here" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$cache/consul" github.com/hashicorp/consul)
	touch "$cache/consul"
}

if [ "${2:-image}" = binary ]; then
	compile
	exit 0
fi
if docker image inspect "$image" >/dev/null 2>&1; then
	exit 0
fi
if timeout 120 docker pull hashicorp/consul:1.21; then
	docker tag hashicorp/consul:1.21 "$image"
	exit 0
fi
compile
exec "$here/../image.sh" "$image" "$here/image" "$cache/consul"
