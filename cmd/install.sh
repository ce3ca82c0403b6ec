#!/bin/sh
# Installs packages of Debian, as root or with sudo. Where neither is possible, it says
# what somebody has to install who may.
set -u
echo "== installing $*"
as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
as_root apt-get update -qq &&
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null && exit
echo "These packages are needed, and could not be installed. As root: apt-get install $*" >&2
exit 1
