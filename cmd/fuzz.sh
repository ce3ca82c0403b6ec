#!/bin/sh
# Fuzzes everything that reads what people type, each reader for FUZZTIME. An input that
# fails is written to the testdata of its package, where every later test tries it.
set -eu
cd "$(dirname "$0")/.."

grep -rlE '^func Fuzz' --include='*_test.go' . | sort | while read -r file; do
	sed -nE 's/^func (Fuzz[A-Za-z_]*)\(.*/\1/p' "$file" | while read -r name; do
		go test -vet=off -ldflags=-w -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-30s}" "$(dirname "$file")" </dev/null
	done
done
