#!/bin/sh
# image.sh TAG PROGRAM: builds a stand-in's image. The tag says which product it is
# and of which release: cutover-demo/gateway:10.15.0.17, cutover-demo/msr:10.15.0.16.
set -eu

tag=$1 program=$2
here=$(cd "$(dirname "$0")" && pwd)
name=${tag##*/} version=${tag##*:}
release=$(echo "$version" | cut -d. -f1,2)

# Where Integration Server is: a full one has instances. parts/ holds the files, by what has them.
home=/opt/softwareag/IntegrationServer wmadmin=force
case $name in
gateway:11.*) product=apigateway wmadmin=when parts="server apigateway profile ui" ;;
gateway:*) product=apigateway home=$home/instances/default parts="server licence apigateway profile ui bundled" ;;
is:*) product=integrationserver home=$home/instances/default parts="server licence profile" ;;
msr:*) product=microservicesruntime parts="server licence" ;;
*)
	echo "image.sh: $tag is no stand-in" >&2
	exit 1
	;;
esac

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for part in $parts; do
	case $part in
	profile | ui) to=/opt/softwareag/profiles/IS_default ;;
	bundled) to=/opt/softwareag ;;
	*) to=$home ;;
	esac
	mkdir -p "$folder/$to"
	cp -R "$here/parts/$part"/. "$folder/$to"
done
find "$folder" -name manifest.v3 -exec sed -i "s/RELEASE/$release/" {} +
mv "$folder/opt/softwareag" "$folder/softwareag"
rmdir "$folder/opt"
cp "$here/Dockerfile" "$here/passwd" "$here/group" "$folder"
"$here/../image.sh" "$tag" "$folder" "$program" -- \
	--build-arg VERSION="$version" --build-arg PRODUCT="$product" --build-arg HOME_IS="$home" --build-arg WMADMIN="$wmadmin" \
	--label org.opencontainers.image.title="$product stand-in" --label org.opencontainers.image.version="$version"
