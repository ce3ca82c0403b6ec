#!/bin/sh
# Checks what every change must keep: generated code that is fresh, formatted
# code, and code that vet and staticcheck have nothing to say about.
set -eu
cd "$(dirname "$0")/.."

stale=$(mktemp -d)
trap 'rm -rf "$stale"' EXIT
cp -r views "$stale/views"
go tool templ generate -include-version=false -path views >/dev/null 2>&1
if ! diff -r views "$stale/views" >/dev/null; then
	echo "views: the generated code was stale; it has been written again, so commit it" >&2
	exit 1
fi
unformatted=$(find . -name '*.go' ! -name '*_templ.go' ! -path './bin/*' -print0 | xargs -0 go tool gofumpt -l)
if [ -n "$unformatted" ]; then
	printf 'not formatted by gofumpt:\n%s\n' "$unformatted" >&2
	exit 1
fi
go vet ./...
go tool staticcheck ./...

# Another module, and the same tool.
go build -o "$stale/staticcheck" honnef.co/go/tools/cmd/staticcheck
cd cmd/deploy
go vet ./...
"$stale/staticcheck" ./...
