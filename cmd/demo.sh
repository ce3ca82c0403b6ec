#!/bin/sh
# Runs the program for "make demo" on the clusters in KUBECONFIG, with data that
# goes with it and an administrator whose password is printed.
set -eu
cd "$(dirname "$0")/.."
data=$(mktemp -d)
program=
stop() { [ -z "$program" ] || { kill -TERM "$program" 2>/dev/null || true; wait "$program" 2>/dev/null || true; }; rm -rf "$data"; }
trap stop EXIT
trap 'exit 0' INT TERM

password=$(od -An -N9 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" | bin/kube-node-manager user add admin --role admin --data "$data"
export KNM_LISTEN="${KNM_LISTEN:-127.0.0.1:8080}"
bin/kube-node-manager --data "$data" &
program=$!
cat <<TEXT

  Kube Node Manager    http://$KNM_LISTEN
  sign in as           admin
  password             $password

  What kubectl says of the same clusters, also without an installed one:

    KUBECONFIG=$KUBECONFIG $DEVCLUSTER_KUBECTL --context prod-cluster get nodes

  Ctrl-C stops everything.

TEXT
wait "$program"
