package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// InCluster is the name of the cluster that the program itself runs in.
const InCluster = "in-cluster"

// Source says where clusters come from.
type Source struct {
	Kubeconfig string   // path list; "" is the environment's
	Contexts   []string // only these; empty is all
	UserAgent  string
}

// Load reads the clusters of a source: the contexts of its kubeconfig files,
// merged as kubectl merges them; without any, the cluster that the program runs
// in; without that, ~/.kube/config. To find no cluster at all is no error. A
// file that was named and cannot be read, and a context that is not there, are.
func Load(s Source) (*Registry, error) {
	r := newRegistry()
	named := s.Kubeconfig != "" || os.Getenv(clientcmd.RecommendedConfigPathEnvVar) != ""
	if !named && os.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		r.add(Cluster{Name: InCluster, Server: os.Getenv("KUBERNETES_SERVICE_HOST"), Source: "in-cluster"}, s.UserAgent, rest.InClusterConfig)
		return r, s.refuseMissing(r)
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules() // KUBECONFIG, whose missing files kubectl skips too, or ~/.kube/config
	if s.Kubeconfig != "" {
		paths := filepath.SplitList(s.Kubeconfig)
		if err := readable(paths); err != nil {
			return nil, err
		}
		rules = &clientcmd.ClientConfigLoadingRules{Precedence: paths}
	}
	merged, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	s.addContexts(r, merged)
	return r, s.refuseMissing(r)
}

// readable refuses a kubeconfig that is named but cannot be read: clientcmd
// would take a missing file for an empty one.
func readable(paths []string) error {
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("read kubeconfig: %w", err)
		}
		_ = f.Close()
	}
	return nil
}

// addContexts registers the contexts that are wanted, the current one first.
func (s Source) addContexts(r *Registry, config *api.Config) {
	names := make([]string, 0, len(config.Contexts))
	for name := range config.Contexts {
		if len(s.Contexts) == 0 || slices.Contains(s.Contexts, name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if (a == config.CurrentContext) != (b == config.CurrentContext) {
			if a == config.CurrentContext {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		c := Cluster{Name: name, Source: "kubeconfig"}
		if cluster, ok := config.Clusters[config.Contexts[name].Cluster]; ok {
			c.Server = cluster.Server
		}
		r.add(c, s.UserAgent, clientcmd.NewNonInteractiveClientConfig(*config, name, &clientcmd.ConfigOverrides{}, nil).ClientConfig)
	}
}

// refuseMissing names the contexts that were asked for and are not there.
func (s Source) refuseMissing(r *Registry) error {
	for _, name := range s.Contexts {
		if _, err := r.find(name); err != nil {
			known := make([]string, len(r.order))
			for i, e := range r.order {
				known[i] = e.Name
			}
			return fmt.Errorf("context %q is in no kubeconfig; there are: %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}
