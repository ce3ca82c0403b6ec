#!/bin/sh
# After an upgrade, the service runs the new version. It is not started for the first time:
# somebody has to decide who can reach it.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart kube-node-manager.service
fi
# What dpkg says of a first installation, and what rpm says.
if [ "$1" = configure ] && [ -z "$2" ] || [ "$1" = 1 ]; then
	echo "Kube Node Manager: look at /etc/kube-node-manager/kube-node-manager.env, then run"
	echo "    systemctl enable --now kube-node-manager"
	echo "    journalctl -u kube-node-manager    # has the code for the first administrator"
fi
