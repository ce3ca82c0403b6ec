package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	_ "time/tzdata" // CronJobs have time zones, and this machine may not have their database.

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register" // The components accept --logging-format=json.
	"k8s.io/component-base/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// Names of the programs in this binary.
const (
	etcdName              = "etcd"
	apiServerName         = "kube-apiserver"
	controllerManagerName = "kube-controller-manager"
	schedulerName         = "kube-scheduler"
	kubectlName           = "kubectl"
)

// components returns the entry points of the programs by name. Each reads os.Args
// and returns its exit code, unless it calls os.Exit.
func components() map[string]func() int {
	return map[string]func() int{
		etcdName:              func() int { etcdmain.Main(os.Args); return 0 },
		apiServerName:         func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
		controllerManagerName: func() int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
		schedulerName:         func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
		kubectlName:           runKubectl,
	}
}

// component returns the entry point that the command line names: either by the name
// under which the program was started (a symbolic link, or argv[0] as devcluster
// itself sets it), or by the first argument, as in "devcluster kubectl get nodes".
// In the second case it removes that argument from os.Args.
func component() (main func() int, found bool) {
	all := components()
	main, found = all[filepath.Base(os.Args[0])]
	if found || len(os.Args) < 2 {
		return main, found
	}
	main, found = all[os.Args[1]]
	if found {
		os.Args = os.Args[1:]
	}
	return main, found
}

// componentNames returns the names of the programs in this binary, sorted.
func componentNames() []string {
	return slices.Sorted(maps.Keys(components()))
}

// runKubectl does the same as kubectl's own main function.
func runKubectl() int {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err) // Exits.
	}
	return 0
}

// kubernetesVersion returns the version that the API server reports.
func kubernetesVersion() string {
	return version.Get().GitVersion
}
