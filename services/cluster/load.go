package cluster

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// InCluster is the name of the cluster in which the program itself runs.
const InCluster = "in-cluster"

// Source says where to read the clusters from.
type Source struct {
	Kubeconfig string   // list of files; "" means those of the environment
	Contexts   []string // only these contexts; empty means all
	UserAgent  string   // of the requests to the clusters
}

// Load returns the clusters of a source. It uses the first of these that there is:
//
//   - the files of s.Kubeconfig, or else of $KUBECONFIG, merged like kubectl does it;
//   - the cluster in which the program runs;
//   - ~/.kube/config.
//
// The registry may be empty. It is an error if a file of s.Kubeconfig cannot be read,
// or if a context of s.Contexts does not exist.
func Load(s Source) (*Registry, error) {
	r := newRegistry()
	if host := os.Getenv("KUBERNETES_SERVICE_HOST"); host != "" && !s.namesFiles() {
		r.add(Cluster{Name: InCluster, Server: host, Source: "in-cluster"}, s.UserAgent, rest.InClusterConfig)
		return r, s.checkContexts(r)
	}
	config, err := s.read()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	s.addContexts(r, config)
	return r, s.checkContexts(r)
}

func (s Source) namesFiles() bool {
	return s.Kubeconfig != "" || os.Getenv(clientcmd.RecommendedConfigPathEnvVar) != ""
}

// read returns the merged kubeconfig.
func (s Source) read() (*api.Config, error) {
	if s.Kubeconfig == "" {
		// Like kubectl, this skips the files of $KUBECONFIG that do not exist.
		return clientcmd.NewDefaultClientConfigLoadingRules().Load()
	}
	paths := filepath.SplitList(s.Kubeconfig)
	if err := checkReadable(paths); err != nil {
		return nil, err
	}
	return (&clientcmd.ClientConfigLoadingRules{Precedence: paths}).Load()
}

// checkReadable returns an error if a file cannot be read. The clientcmd package treats
// a missing file like an empty one.
func checkReadable(paths []string) error {
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_ = f.Close()
	}
	return nil
}

// addContexts registers the selected contexts, the current one first and the others by
// name.
func (s Source) addContexts(r *Registry, config *api.Config) {
	names := make([]string, 0, len(config.Contexts))
	for name := range config.Contexts {
		if len(s.Contexts) == 0 || slices.Contains(s.Contexts, name) {
			names = append(names, name)
		}
	}
	rank := func(name string) int {
		if name == config.CurrentContext {
			return 0
		}
		return 1
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
	for _, name := range names {
		c := Cluster{Name: name, Source: "kubeconfig"}
		if cluster, ok := config.Clusters[config.Contexts[name].Cluster]; ok {
			c.Server = cluster.Server
		}
		client := clientcmd.NewNonInteractiveClientConfig(*config, name, &clientcmd.ConfigOverrides{}, nil)
		r.add(c, s.UserAgent, client.ClientConfig)
	}
}

// checkContexts returns an error that names a context of s.Contexts that does not exist.
func (s Source) checkContexts(r *Registry) error {
	for _, name := range s.Contexts {
		if _, err := r.find(name); err == nil {
			continue
		}
		known := make([]string, len(r.order))
		for i, e := range r.order {
			known[i] = e.Name
		}
		return fmt.Errorf("context %q is in no kubeconfig; there are: %s", name, strings.Join(known, ", "))
	}
	return nil
}
