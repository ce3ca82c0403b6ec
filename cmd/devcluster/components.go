package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	_ "time/tzdata" // CronJobs name time zones, and this machine may have no database of them.

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

// Names of the programs that this binary can become.
const (
	etcdName              = "etcd"
	apiServerName         = "kube-apiserver"
	controllerManagerName = "kube-controller-manager"
	schedulerName         = "kube-scheduler"
	kubectlName           = "kubectl"
)

// components maps a program's name to its entry point. Each reads os.Args and
// returns its exit code, unless it exits on its own.
func components() map[string]func() int {
	return map[string]func() int{
		etcdName:              func() int { etcdmain.Main(os.Args); return 0 },
		apiServerName:         func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
		controllerManagerName: func() int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
		schedulerName:         func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
		kubectlName:           runKubectl,
	}
}

// component picks the entry point that the command line asks for, either by
// the name under which the program was started (a symbolic link, or argv[0]
// set by devcluster itself) or by a first argument: "devcluster kubectl get
// nodes". In the second case that argument is removed from os.Args.
func component() (main func() int, found bool) {
	all := components()
	if main, found = all[filepath.Base(os.Args[0])]; found {
		return main, true
	}
	if len(os.Args) < 2 {
		return nil, false
	}
	if main, found = all[os.Args[1]]; found {
		os.Args = os.Args[1:]
	}
	return main, found
}

// componentNames lists the programs in this binary, sorted.
func componentNames() []string {
	return slices.Sorted(maps.Keys(components()))
}

// runKubectl is kubectl's own main function, with its error texts.
func runKubectl() int {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err) // Exits.
	}
	return 0
}

// kubernetesVersion is the version that the API server reports.
func kubernetesVersion() string {
	return version.Get().GitVersion
}
