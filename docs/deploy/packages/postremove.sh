#!/bin/sh
# The database is never removed with the package: the history of maintenance is in it.
set -e
case "$1" in
remove | purge | 0)
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload
	fi
	if [ -d /var/lib/kube-node-manager ]; then
		echo "Kube Node Manager: the database stays in /var/lib/kube-node-manager"
	fi
	;;
esac
