#!/bin/sh
# Runs the program for "make demo" on the clusters in KUBECONFIG, with data that
# goes with it and an administrator whose password is printed. It listens on
# 127.0.0.1:8080, or on any free port if that one is taken, unless KNM_LISTEN
# says where. Its log goes to a file, so that the password stays in sight.
set -eu
cd "$(dirname "$0")/.."
data=$(mktemp -d)
log=$data/demo.log
program=
stop() { [ -z "$program" ] || { kill -TERM "$program" 2>/dev/null || true; wait "$program" 2>/dev/null || true; }; rm -rf "$data"; }
trap stop EXIT
trap 'exit 0' INT TERM

# start starts the program at an address. It fails if the program ends before it listens.
mkfifo "$data/said"
start() {
	KNM_LISTEN=$1 bin/kube-node-manager --data "$data" >"$data/said" 2>"$log" &
	program=$!
	exec 3<"$data/said" # Stays open, so that the program can write more.
	read -r said <&3 || { tail -n 1 "$log" >&2; return 1; }
}

password=$(od -An -N9 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" | bin/kube-node-manager user add admin --role admin --data "$data"
if ! start "${KNM_LISTEN:-127.0.0.1:8080}"; then
	[ -z "${KNM_LISTEN:-}" ] || exit 1
	echo "Trying a free port, because no KNM_LISTEN says which one to use."
	start 127.0.0.1:0
fi
cat <<TEXT

  Kube Node Manager    ${said##* }
  sign in as           admin
  password             $password
  log                  $log

  What kubectl says of the same clusters, also without an installed one:

    KUBECONFIG=$KUBECONFIG $DEVCLUSTER_KUBECTL --context prod-cluster get nodes

  Ctrl-C stops everything.

TEXT
wait "$program" || { code=$?; tail -n 20 "$log" >&2; exit "$code"; }
