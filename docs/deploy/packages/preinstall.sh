#!/bin/sh
# Adds the user as which the service runs.
set -e
if ! getent passwd kube-node-manager >/dev/null; then
	useradd --system --user-group --no-create-home --home-dir /var/lib/kube-node-manager \
		--shell /usr/sbin/nologin --comment "Kube Node Manager" kube-node-manager
fi
