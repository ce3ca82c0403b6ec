// Package cluster is the registry of clusters: where they come from, how to
// reach them, and what was last seen of them. A cluster is named after its
// context. Clients are made when first needed and connect with their first
// call, so a cluster that is down delays nobody.
package cluster

import (
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// Cluster is one cluster as the registry knows it.
type Cluster struct {
	Name   string
	Server string // address of its API server
	Source string // "kubeconfig" or "in-cluster"
}

// entry is one cluster, its client and what is known of it.
type entry struct {
	Cluster
	client func() (*kube.Client, error) // makes it once

	mu       sync.Mutex
	made     *kube.Client
	status   Status
	answered time.Time // the last time
	looked   time.Time // when somebody last had it open
	probing  bool
	soon     bool    // it is to be asked whatever was heard
	failed   int     // probes in a row
	jitter   float64 // of the wait for the next probe
}

// Registry holds the clusters in the order of their source. It does not change
// after Load.
type Registry struct {
	order  []*entry
	byName map[string]*entry
	now    func() time.Time
}

func newRegistry() *Registry { return &Registry{byName: map[string]*entry{}, now: time.Now} }

// add registers a cluster whose configuration is read when first needed.
func (r *Registry) add(c Cluster, userAgent string, config func() (*rest.Config, error)) {
	e := &entry{Cluster: c, jitter: 1}
	heard := func(began time.Time, err error) { e.hear(began, r.now(), err) }
	e.client = sync.OnceValues(func() (*kube.Client, error) {
		cfg, err := config()
		if err != nil {
			return nil, services.Wrap(err, services.CodeUnavailable, "error_cluster_config", "Cluster", c.Name)
		}
		client, err := kube.New(cfg, userAgent, heard)
		if err != nil {
			return nil, services.Wrap(err, services.CodeUnavailable, "error_cluster_config", "Cluster", c.Name)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.made = client
		return client, nil
	})
	r.order, r.byName[c.Name] = append(r.order, e), e
}

// Close drops the connections of every client; none may be in use any more.
func (r *Registry) Close() {
	for _, e := range r.order {
		e.mu.Lock()
		if e.made != nil {
			e.made.Close()
		}
		e.mu.Unlock()
	}
}

// List gives every cluster.
func (r *Registry) List() []Cluster {
	out := make([]Cluster, len(r.order))
	for i, e := range r.order {
		out[i] = e.Cluster
	}
	return out
}

// Get gives one cluster, or a CodeNotFound error.
func (r *Registry) Get(name string) (Cluster, error) {
	e, err := r.find(name)
	if err != nil {
		return Cluster{}, err
	}
	return e.Cluster, nil
}

// Client gives the client of a cluster. Errors: CodeNotFound for the cluster,
// CodeUnavailable when its configuration is broken.
func (r *Registry) Client(name string) (*kube.Client, error) {
	e, err := r.find(name)
	if err != nil {
		return nil, err
	}
	began := r.now()
	client, err := e.client()
	if err != nil {
		e.hear(began, r.now(), err)
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
