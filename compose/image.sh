#!/bin/sh
# image.sh TAG FOLDER [FILE...] [-- BUILD OPTIONS]: builds TAG from a context that is
# FOLDER plus FILEs, unless the image that is there was built from the same.
# What it was built from is a hash in the label below, so no stamp file can lie
# about an image that somebody has removed.
set -eu

label=io.github.cutover.inputs
tag=$1 folder=$2
shift 2

context=$(mktemp -d)
trap 'rm -rf "$context" "$context.log"' EXIT
cp -R "$folder"/. "$context"
while [ $# -gt 0 ]; do
	if [ "$1" = -- ]; then
		shift
		break
	fi
	cp "$1" "$context"
	shift
done

base=$(sed -n 's/^FROM \([^ ]*\).*/\1/p' "$context/Dockerfile")
if [ "$base" != scratch ]; then
	base=$(docker image inspect --format '{{.Id}}' "$base")
fi
inputs=$({
	echo "$base" "$@"
	cd "$context" && find . -type f -perm -100 | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum
} | sha256sum | cut -c1-16)

if [ "$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$tag" 2>/dev/null)" = "$inputs" ]; then
	exit 0
fi
echo "image: building $tag"
# The classic builder says on every build that it is deprecated: shown only with an error.
if ! docker build --label "$label=$inputs" --tag "$tag" "$@" "$context" >"$context.log" 2>&1; then
	cat "$context.log" >&2
	exit 1
fi
