#!/bin/sh
# Makes debian:bookworm-slim present: from a registry, or else from Debian's
# packages. Does nothing when it is there.
set -eu

image=debian:bookworm-slim

if docker image inspect "$image" >/dev/null 2>&1; then
	exit 0
fi
if timeout 60 docker pull "$image"; then
	exit 0
fi
echo "base: no registry answers: building $image with debootstrap" >&2

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
if ! command -v debootstrap >/dev/null; then
	as_root apt-get update
	as_root apt-get install -y --no-install-recommends debootstrap
fi
root=$(mktemp -d)
trap 'as_root rm -rf "$root"' EXIT
as_root debootstrap --variant=minbase bookworm "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
# What the official slim image leaves out, and what is fetched again anyway.
as_root sh -c "rm -rf '$root'/var/lib/apt/lists/* '$root'/var/cache/apt/archives/*.deb \
	'$root'/usr/share/doc/* '$root'/usr/share/man/* '$root'/usr/share/locale/*"
as_root tar -C "$root" -c . | docker import --change 'CMD ["bash"]' - "$image"
