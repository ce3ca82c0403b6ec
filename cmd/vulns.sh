#!/bin/sh
# Looks for known vulnerabilities in the code that the program can reach. It needs the
# Go vulnerability database: https://vuln.go.dev, or the copy that VULNDB names, such as
# file:///srv/vulndb. Without the database nothing is known, so that is a failure too.
#
# All packages are scanned, and not only main: the command line calls web.Run by
# reflection, which the scan does not follow.
set -u
cd "$(dirname "$0")/.." || exit 1

go tool govulncheck ${VULNDB:+-db "$VULNDB"} ./...
status=$?
case $status in
0) ;;
3) echo "vulns: update the modules above, or say in docs/security.md why they do no harm" >&2 ;;
*) echo "vulns: NOT CHECKED: govulncheck did not finish; without vuln.go.dev, set VULNDB to a copy of it" >&2 ;;
esac
exit $status
