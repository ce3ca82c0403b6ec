#!/bin/sh
# Builds the kubectl plugin for all platforms into bin/plugin, as archives that are the
# same for the same commit, and fills in the manifest for krew. PLUGIN_URL is where the
# archives are published.
set -eu
cd "$(dirname "$0")/.."
version=$(cat VERSION)
url=${PLUGIN_URL:-https://example.com/node-mgr}
out=bin/plugin
time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}

rm -rf "$out"
mkdir -p "$out"
sed -e "s|PLUGIN_URL|$url|; s|VERSION|$version|" docs/deploy/krew.yaml >"$out/node-mgr.yaml"
for platform in linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64; do
	os=${platform%-*}
	arch=${platform#*-}
	name=kubectl-node_mgr
	[ "$os" != windows ] || name=$name.exe
	work=$(mktemp -d)
	CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -ldflags "-s -w -X main.version=$version" \
		-o "$work/$name" ./cmd/kubectl-node_mgr
	cp LICENSE "$work/"
	archive=$out/kubectl-node_mgr-$version-$platform.tar.gz
	tar -C "$work" --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner -cf - LICENSE "$name" |
		gzip -n -9 >"$archive"
	rm -rf "$work"
	sum=$(sha256sum "$archive" | cut -d ' ' -f 1)
	sed -i -e "s|SHA256-$platform|$sum|" "$out/node-mgr.yaml"
done
