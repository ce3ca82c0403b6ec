// Devcluster runs real Kubernetes control planes on this machine, with
// simulated nodes, for development and tests. It needs no container engine and
// downloads nothing: etcd, the API server, the controller manager, the
// scheduler and kubectl are linked into this one program, which starts itself
// under their names. Only kwok, which plays the kubelets, is a second binary
// (devcluster-kwok, beside this one): it declares a --version flag that clashes
// with that of the Kubernetes components.
//
//	devcluster up --nodes 60,12 --clusters 2 --names prod-cluster,staging --workloads
//	devcluster kubectl --kubeconfig "$(devcluster kubeconfig)" get nodes
//	devcluster down
//	devcluster run --nodes 0 -- go test ./...
//
// The command of "run" finds the plane through KUBECONFIG, DEVCLUSTER_DIR and
// DEVCLUSTER_KUBECTL. Every cluster knows the users admin (bound to
// cluster-admin) and viewer (may only look); each has a kubeconfig file.
//
// The simulated kubelets take orders. A node with the label
// devcluster/kubelet=stopped has none at all. Annotations of a pod:
//
//	devcluster/pending: "true"      never starts
//	devcluster/unready: "true"      runs, but is never ready
//	devcluster/stuck: "true"        once deleted, stays Terminating until forced
//	devcluster/ready-delay: 5s      time until it runs (0.1 to 0.6 s)
//	devcluster/delete-delay: 5s     time that its end takes (1 to 3 s)
//	devcluster/complete-delay: 5s   time that the work of a Job's pod takes (1 to 3 s)
//
// Everything listens on the loopback address at ports picked free, keeps its
// data in one directory, and ends with this program, even when it is killed.
// The planes skip fsync and throw their data away: never keep anything in them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const usage = `devcluster runs real Kubernetes control planes with simulated nodes.

  devcluster up [flags]             start, and stay until SIGINT or SIGTERM
  devcluster run [flags] -- CMD...  start, run CMD, stop; exits with CMD's code
  devcluster down [--dir DIR]       stop what "up" started in DIR
  devcluster kubeconfig [--dir DIR] print the path of the kubeconfig file (--raw: its content)
  devcluster COMPONENT ARGS...      be one of: %s

"devcluster up -h" lists the flags.
`

func main() {
	if component, found := component(); found {
		os.Exit(component())
	}
	os.Exit(run(os.Args[1:]))
}

// exitError carries an exit code of which everything has been said: that of
// the command that "run" started, or 2 for wrong flags.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// run executes one subcommand and turns its error into an exit code.
func run(args []string) int {
	commands := map[string]func(context.Context, []string) error{
		"up": up, "run": runCommand, "down": down, "kubeconfig": kubeconfig,
	}
	if len(args) == 0 || commands[args[0]] == nil {
		printUsage(os.Stderr)
		return 2
	}
	// SIGHUP too: a closed terminal must not leave planes behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return exitCode(commands[args[0]](ctx, args[1:]))
}

func printUsage(w io.Writer) {
	fmt.Fprintf(w, usage, strings.Join(componentNames(), ", "))
}

// exitCode prints err, when it says anything new, and maps it to a code.
func exitCode(err error) int {
	var command exitError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &command):
		return command.code
	}
	fmt.Fprintln(os.Stderr, "devcluster:", err)
	return 1
}
