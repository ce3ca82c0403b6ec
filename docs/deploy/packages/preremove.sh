#!/bin/sh
# Ends the service before the program is removed, and not before an upgrade.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now kube-node-manager.service
	fi
	;;
esac
