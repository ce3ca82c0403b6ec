package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"kube-node-manager/cmd/devcluster/internal/fleet"
)

// A cluster is one API server with its controller manager, scheduler and kwok.
type cluster struct {
	name string
	spec fleet.Cluster
	port int // Of the API server.

	systemKubeconfig string
	adminKubeconfig  string
	viewerKubeconfig string

	client kubernetes.Interface // As the system user, without a rate limit.
}

func (c *cluster) server() string {
	return fmt.Sprintf("https://127.0.0.1:%d", c.port)
}

// A plane is a set of clusters with one etcd, and the processes that run them.
//
// Its directory contains, for people and programs:
//
//	kubeconfig, kubeconfig-viewer   a context for each cluster, as admin and as viewer
//	clusters.json                   description of the plane (see [manifest]); exists while it is ready
//	clusters/NAME/*.kubeconfig      kubeconfig files for one cluster
//	bin/kubectl                     kubectl of the same version
//	logs/*.log                      a log for each component
type plane struct {
	dir      string
	progress func(format string, args ...any)
	spawner  *spawner
	self     string // Path of this binary.
	kwok     string
	clusters []*cluster
	pki      *pki
	users    []user
	stages   []string

	mu        sync.Mutex // Guards processes and stopping.
	processes []*process
	stopping  bool
	failed    chan error // Receives the error of a component that ends by itself.
}

// newPlane returns a plane that is not started yet.
func newPlane(dir string, specs []fleet.Cluster, progress func(string, ...any)) (*plane, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &plane{
		dir: dir, progress: progress, spawner: newSpawner(), self: self,
		kwok: filepath.Join(filepath.Dir(self), "devcluster-kwok"),
		// Room for an error of each component, so that no send blocks.
		failed: make(chan error, 1+4*len(specs)),
	}
	if _, err := os.Stat(p.kwok); err != nil {
		return nil, fmt.Errorf("kwok is not built as %s: %w", p.kwok, err)
	}
	for _, spec := range specs {
		home := filepath.Join(dir, "clusters", spec.Name)
		p.clusters = append(p.clusters, &cluster{
			name: spec.Name, spec: spec,
			systemKubeconfig: filepath.Join(home, "system.kubeconfig"),
			adminKubeconfig:  filepath.Join(home, "admin.kubeconfig"),
			viewerKubeconfig: filepath.Join(home, "viewer.kubeconfig"),
		})
	}
	return p, nil
}

// start starts all clusters with their nodes and workloads. The caller must call
// stop, even after an error.
func (p *plane) start(ctx context.Context) error {
	begin := time.Now()
	if err := p.prepare(); err != nil {
		return err
	}
	if err := p.startServers(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range p.clusters {
		group.Go(func() error {
			if err := p.startCluster(ctx, c); err != nil {
				return fmt.Errorf("cluster %s: %w", c.name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	p.progress("ready after %s", time.Since(begin).Round(100*time.Millisecond))
	return p.writeManifest()
}

// prepare deletes the files of an earlier plane and writes all files that the
// components read.
func (p *plane) prepare() error {
	p.clean()
	for _, dir := range []string{"logs", "bin", "etcd"} {
		if err := os.MkdirAll(filepath.Join(p.dir, dir), 0o700); err != nil {
			return err
		}
	}
	ports, err := freePorts(len(p.clusters))
	if err != nil {
		return err
	}
	for i, c := range p.clusters {
		c.port = ports[i]
	}
	p.pki, err = newPKI(filepath.Join(p.dir, "pki"))
	if err != nil {
		return err
	}
	p.users = newUsers()
	p.stages, err = writeStages(filepath.Join(p.dir, "stages"))
	if err != nil {
		return err
	}
	return errors.Join(
		writeTokenFile(p.tokenFile(), p.users),
		os.Symlink(p.self, p.kubectl()),
		p.writeKubeconfigs(),
	)
}

func (p *plane) tokenFile() string { return filepath.Join(p.dir, "tokens.csv") }
func (p *plane) kubectl() string   { return filepath.Join(p.dir, "bin", kubectlName) }

// kubeconfigPath returns the path of the file with the admin contexts of all
// clusters.
func kubeconfigPath(dir string) string { return filepath.Join(dir, "kubeconfig") }

func (p *plane) writeKubeconfigs() error {
	system, admin, viewer := p.users[0], p.users[1], p.users[2]
	errs := []error{
		writeKubeconfig(kubeconfigPath(p.dir), p.pki.ca, admin, p.clusters...),
		writeKubeconfig(kubeconfigPath(p.dir)+"-viewer", p.pki.ca, viewer, p.clusters...),
	}
	for _, c := range p.clusters {
		errs = append(errs,
			writeKubeconfig(c.systemKubeconfig, p.pki.ca, system, c),
			writeKubeconfig(c.adminKubeconfig, p.pki.ca, admin, c),
			writeKubeconfig(c.viewerKubeconfig, p.pki.ca, viewer, c),
		)
	}
	return errors.Join(errs...)
}

// startServers starts etcd and the API servers, which wait for etcd themselves.
func (p *plane) startServers() error {
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	args := etcdArgs(filepath.Join(p.dir, "etcd"), ports[0], ports[1])
	if err := p.run(etcdName, p.self, args); err != nil {
		return err
	}
	for _, c := range p.clusters {
		args := c.apiServerArgs(p.pki, p.tokenFile(), httpURL(ports[0]))
		if err := p.runFor(c, apiServerName, p.self, args); err != nil {
			return err
		}
	}
	return nil
}

// startCluster waits for the API server, starts the other components, and creates
// the nodes and workloads.
func (p *plane) startCluster(ctx context.Context, c *cluster) error {
	if err := c.connect(); err != nil {
		return err
	}
	if err := poll(ctx, p.failed, c.ready); err != nil {
		return fmt.Errorf("wait for the API server: %w", err)
	}
	p.progress("%s: API server %s at %s", c.name, kubernetesVersion(), c.server())
	if err := c.grantRoles(ctx); err != nil {
		return err
	}
	err := errors.Join(
		p.runFor(c, controllerManagerName, p.self, c.controllerManagerArgs()),
		p.runFor(c, schedulerName, p.self, c.schedulerArgs()),
		p.runFor(c, "kwok", p.kwok, c.kwokArgs(p.stages)),
	)
	if err != nil {
		return err
	}
	return p.seed(ctx, c)
}

func (c *cluster) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", c.systemKubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // No limit. The server does not limit the system user, either.
	config.WarningHandler = rest.NoWarnings{}
	c.client, err = kubernetes.NewForConfig(config)
	return err
}

// ready returns an error until /readyz succeeds, which is after RBAC and all hooks
// are set up.
func (c *cluster) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return c.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

func (p *plane) runFor(c *cluster, component, binary string, args []string) error {
	return p.run(component+" of "+c.name, binary, args)
}

// run starts one component. If it ends by itself, p.failed receives an error.
func (p *plane) run(name, binary string, args []string) error {
	component := filepath.Base(binary)
	if binary == p.self {
		component = firstWord(name) // argv[0] selects the program in this binary.
	}
	cmd := &exec.Cmd{Path: binary, Args: append([]string{component}, args...), Dir: p.dir}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return errors.New("the plane is stopping")
	}
	process, err := p.spawner.startProcess(name, filepath.Join(p.dir, "logs"), cmd)
	if err != nil {
		return err
	}
	p.processes = append(p.processes, process)
	go p.watch(process)
	return nil
}

// pid returns the process ID of a component, or 0 if it was not started.
func (p *plane) pid(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, process := range p.processes {
		if process.name == name {
			return process.cmd.Process.Pid
		}
	}
	return 0
}

// watch waits for the end of a process, and reports it unless the plane is stopping.
func (p *plane) watch(process *process) {
	<-process.ended
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopping {
		p.failed <- process.failure()
	}
}

// stop ends all processes, the last one first, and deletes the plane's data except
// for the logs.
func (p *plane) stop() {
	p.mu.Lock()
	p.stopping = true
	processes := p.processes
	p.mu.Unlock()
	for i := len(processes) - 1; i >= 0; i-- {
		processes[i].kill()
	}
	p.clean()
}

// clean deletes everything that is only of use while the plane runs.
func (p *plane) clean() {
	for _, name := range []string{
		"clusters.json", "kubeconfig", "kubeconfig-viewer", "tokens.csv",
		"clusters", "bin", "pki", "stages", "etcd",
	} {
		_ = os.RemoveAll(filepath.Join(p.dir, name)) // The next start overwrites what is left.
	}
}
