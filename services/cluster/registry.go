// Package cluster is the registry of clusters: where their configuration comes from,
// their clients, and whether they can be reached.
//
// A cluster has the name of its kubeconfig context. A client is created when it is
// first needed, and connects with its first call, so that an unreachable cluster
// does not delay the start.
package cluster

import (
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// Cluster describes one cluster.
type Cluster struct {
	Name   string
	Server string // address of the API server
	Source string // "kubeconfig" or "in-cluster"
	Labels map[string]string
}

// entry is one cluster with its client and its status.
type entry struct {
	Cluster
	client func() (*kube.Client, error) // creates the client on the first call

	mu       sync.Mutex
	created  *kube.Client // nil until then
	status   Status
	answered time.Time // when a call last succeeded
	looked   time.Time // see Look
	probing  bool
	soon     bool    // see ProbeSoon
	failed   int     // probes that failed in a row
	jitter   float64 // factor of the wait for the next probe
}

// Registry holds the clusters, in the order of their source. The set of clusters does
// not change after Load. A Registry is safe for concurrent use.
type Registry struct {
	order  []*entry
	byName map[string]*entry
	now    func() time.Time
}

func newRegistry() *Registry { return &Registry{byName: map[string]*entry{}, now: time.Now} }

// add registers a cluster. It calls config when the client is first needed.
func (r *Registry) add(c Cluster, userAgent string, config func() (*rest.Config, error)) {
	e := &entry{Cluster: c, jitter: 1}
	e.client = sync.OnceValues(func() (*kube.Client, error) {
		client, err := r.connect(e, userAgent, config)
		if err != nil {
			return nil, services.Wrap(err, services.CodeUnavailable, "error_cluster_config", "Cluster", c.Name)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.created = client
		return client, nil
	})
	r.order = append(r.order, e)
	r.byName[c.Name] = e
}

func (r *Registry) connect(e *entry, agent string, config func() (*rest.Config, error)) (*kube.Client, error) {
	cfg, err := config()
	if err != nil {
		return nil, err
	}
	return kube.New(cfg, agent, func(began time.Time, err error) { e.record(began, r.now(), err) })
}

// Close closes the connections of all clients. No client may be in use any more.
func (r *Registry) Close() {
	for _, e := range r.order {
		e.mu.Lock()
		if e.created != nil {
			e.created.Close()
		}
		e.mu.Unlock()
	}
}

// List returns every cluster.
func (r *Registry) List() []Cluster {
	out := make([]Cluster, len(r.order))
	for i, e := range r.order {
		out[i] = e.Cluster
	}
	return out
}

// Labels returns the labels of every cluster, by its name.
func (r *Registry) Labels() map[string]map[string]string {
	labels := make(map[string]map[string]string, len(r.order))
	for _, e := range r.order {
		labels[e.Name] = e.Labels
	}
	return labels
}

// Get returns the cluster with that name, or CodeNotFound.
func (r *Registry) Get(name string) (Cluster, error) {
	e, err := r.find(name)
	if err != nil {
		return Cluster{}, err
	}
	return e.Cluster, nil
}

// Client returns the client of a cluster.
//
// Errors: CodeNotFound; CodeUnavailable when the configuration is invalid.
func (r *Registry) Client(name string) (*kube.Client, error) {
	e, err := r.find(name)
	if err != nil {
		return nil, err
	}
	began := r.now()
	client, err := e.client()
	if err != nil {
		e.record(began, r.now(), err)
	}
	return client, err
}

func (r *Registry) find(name string) (*entry, error) {
	e, ok := r.byName[name]
	if !ok {
		return nil, services.NewError(services.CodeNotFound, "error_cluster_unknown", "Cluster", name)
	}
	return e, nil
}
