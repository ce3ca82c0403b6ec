// Devcluster runs real Kubernetes control planes with simulated nodes on this
// machine, for development and tests. It needs no container engine and downloads
// nothing: etcd, the API server, the controller manager, the scheduler and kubectl
// are linked into this program, which starts itself under their names. Only kwok,
// which simulates the kubelets, is a separate binary (devcluster-kwok, in the same
// directory), because its --version flag conflicts with that of the Kubernetes
// components. The control planes that run together, with one etcd, are a plane.
//
//	devcluster up --nodes 60,12 --clusters 2 --names prod-cluster,staging --workloads
//	devcluster kubectl --kubeconfig "$(devcluster kubeconfig)" get nodes
//	devcluster down
//	devcluster run --nodes 0 -- go test ./...
//
// The command of "run" finds the plane through KUBECONFIG, DEVCLUSTER_DIR and
// DEVCLUSTER_KUBECTL. Every cluster has the users admin (bound to cluster-admin)
// and viewer (may only read), each with a kubeconfig file.
//
// A node with the label devcluster/kubelet=stopped has no kubelet. Annotations of a
// pod control the simulated kubelet:
//
//	devcluster/pending: "true"      the pod never starts
//	devcluster/unready: "true"      the pod runs, but is never ready
//	devcluster/stuck: "true"        once deleted, the pod stays Terminating until it is force-deleted
//	devcluster/ready-delay: 5s      time until the pod runs (default 0.1 to 0.6 s)
//	devcluster/delete-delay: 5s     time until a deleted pod ends (default 1 to 3 s)
//	devcluster/complete-delay: 5s   time until the pod of a Job succeeds (default 1 to 3 s)
//
// All components listen on free ports of the loopback address, keep their data in
// one directory, and end with this program, even if it is killed. Planes do not use
// fsync and delete their data at the end: never keep anything in them.
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

  devcluster up [flags]             start a plane, and run it until SIGINT or SIGTERM
  devcluster run [flags] -- CMD...  start a plane, run CMD, stop; exits with CMD's code
  devcluster down [--dir DIR]       stop the plane that "up" started in DIR
  devcluster kubeconfig [--dir DIR] print the path of the kubeconfig file (--raw: its content)
  devcluster COMPONENT ARGS...      run one of: %s

"devcluster up -h" lists the flags.
`

func main() {
	if component, found := component(); found {
		os.Exit(component())
	}
	os.Exit(run(os.Args[1:]))
}

// exitError is an exit code without a message: that of the command that "run"
// started, or 2 for wrong flags, which the flag package has reported.
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
	// SIGHUP, too: closing the terminal must end the planes.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return exitCode(commands[args[0]](ctx, args[1:]))
}

func printUsage(w io.Writer) {
	fmt.Fprintf(w, usage, strings.Join(componentNames(), ", "))
}

// exitCode prints err, if it has a message, and returns the exit code for it.
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
