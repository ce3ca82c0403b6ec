package cluster

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"kube-node-manager/services"
)

// InCluster is the name of the cluster in which the program itself runs.
const InCluster = "in-cluster"

// Source says where to read the clusters from.
type Source struct {
	Kubeconfig string   // list of files; "" means those of the environment
	Contexts   []string // only these contexts; empty means all
	UserAgent  string   // of the requests to the clusters
	// Allow, if it is not nil, is asked before each change of a cluster. If it returns an
	// error, nothing is sent.
	Allow func() error
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
	r.source, r.seen = s, s.digest()
	contexts, err := s.load()
	if err != nil {
		return nil, err
	}
	r.setContexts(contexts)
	return r, nil
}

// load returns the clusters of the source.
func (s Source) load() ([]spec, error) {
	if host := s.inCluster(); host != "" {
		own := Cluster{Name: InCluster, Server: host, Source: FromInCluster}
		all := []spec{{Cluster: own, key: FromInCluster, agent: s.UserAgent, config: rest.InClusterConfig}}
		return all, s.checkContexts(all)
	}
	config, err := s.read()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	all := s.specs(config)
	return all, s.checkContexts(all)
}

// inCluster returns the host of the cluster in which the program runs, or "" if the
// clusters are those of files.
func (s Source) inCluster() string {
	if s.Kubeconfig != "" || os.Getenv(clientcmd.RecommendedConfigPathEnvVar) != "" {
		return ""
	}
	return os.Getenv("KUBERNETES_SERVICE_HOST")
}

// files returns the files of the source.
func (s Source) files() []string {
	if s.Kubeconfig != "" {
		return filepath.SplitList(s.Kubeconfig)
	}
	return clientcmd.NewDefaultClientConfigLoadingRules().Precedence
}

// read returns the merged kubeconfig.
func (s Source) read() (*api.Config, error) {
	if s.Kubeconfig == "" {
		// Like kubectl, this skips the files of $KUBECONFIG that do not exist.
		return clientcmd.NewDefaultClientConfigLoadingRules().Load()
	}
	paths := s.files()
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

// specs returns the selected contexts, the current one first and the others by name.
func (s Source) specs(config *api.Config) []spec {
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
	all := make([]spec, len(names))
	for i, name := range names {
		all[i] = s.spec(config, name)
	}
	return all
}

func (s Source) spec(config *api.Config, name string) spec {
	c := Cluster{Name: name, Source: FromKubeconfig}
	from := config.Contexts[name]
	cluster, user := config.Clusters[from.Cluster], config.AuthInfos[from.AuthInfo]
	if cluster != nil {
		c.Server = cluster.Server
	}
	client := clientcmd.NewNonInteractiveClientConfig(*config, name, &clientcmd.ConfigOverrides{}, nil)
	configure := func() (*rest.Config, error) {
		if err := checkPlugin(user); err != nil {
			return nil, err
		}
		return client.ClientConfig()
	}
	return spec{Cluster: c, key: keyOf(from, cluster, user), agent: s.UserAgent, config: configure}
}

// keyOf identifies the configuration of a context. It is a hash, because the
// configuration contains credentials.
func keyOf(from *api.Context, cluster *api.Cluster, user *api.AuthInfo) string {
	sum := sha256.New()
	encoder := json.NewEncoder(sum)
	for _, part := range []any{from, cluster, user} {
		_ = encoder.Encode(part) // these types can be encoded
	}
	if user != nil { // whether or not its JSON form has the secrets
		_, _ = fmt.Fprintf(sum, "%q %q %q", user.Token, user.Password, user.ClientKeyData) // a hash never fails to write
	}
	return fmt.Sprintf("%s %x", FromKubeconfig, sum.Sum(nil))
}

// checkPlugin returns an error if the user of a context needs a program that is not
// installed.
func checkPlugin(user *api.AuthInfo) error {
	if user == nil || user.Exec == nil {
		return nil
	}
	command := user.Exec.Command
	_, err := exec.LookPath(command)
	if err == nil || errors.Is(err, exec.ErrDot) {
		return nil
	}
	return services.Wrap(err, services.CodeUnavailable, "error_cluster_plugin", "Command", services.Clip(command))
}

// checkContexts returns an error that names a context of s.Contexts that does not exist.
func (s Source) checkContexts(all []spec) error {
	known := make([]string, len(all))
	for i, one := range all {
		known[i] = one.Name
	}
	for _, name := range s.Contexts {
		if !slices.Contains(known, name) {
			return fmt.Errorf("context %q is in no kubeconfig; there are: %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// followEvery is how often Follow looks at the files. They are small, and may be on a
// file system without notifications, such as a mounted secret.
const followEvery = 5 * time.Second

// maxFollowed is the most bytes of a kubeconfig file that Follow compares.
const maxFollowed = 16 << 20

// Follow reads the kubeconfig files again when they have changed, until ctx ends. If
// they cannot be read, the clusters stay as they are.
func (r *Registry) Follow(ctx context.Context, log *slog.Logger) {
	if r.source.inCluster() != "" {
		return
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := r.source.digest()
		if !bytes.Equal(now, r.seen) {
			r.seen = now
			r.reload(ctx, log)
		}
	}
}

func (r *Registry) reload(ctx context.Context, log *slog.Logger) {
	contexts, err := r.source.load()
	if err != nil {
		log.WarnContext(ctx, "The kubeconfig files have changed but cannot be used; the clusters stay as they were",
			"error", err)
		return
	}
	r.setContexts(contexts)
	log.InfoContext(ctx, "Read the kubeconfig files again, because they have changed", "contexts", len(contexts))
}

// digest identifies the contents of the files.
func (s Source) digest() []byte {
	sum := sha256.New()
	for _, path := range s.files() {
		f, err := os.Open(path)
		_, _ = fmt.Fprintf(sum, "%q %t\n", path, errors.Is(err, fs.ErrNotExist)) // a hash never fails to write
		if err != nil {
			continue
		}
		_, _ = io.Copy(sum, io.LimitReader(f, maxFollowed)) // an error is noticed when the file is loaded
		_ = f.Close()
	}
	return sum.Sum(nil)
}
