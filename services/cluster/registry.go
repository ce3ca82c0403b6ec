// Package cluster is the registry of clusters: where their configuration comes from,
// their clients, and whether they can be reached.
//
// A cluster is a context of the kubeconfig files, or it was imported and is stored in
// the database. Its name is what batches, templates and pages call it. The set of
// clusters changes while the program runs; a client is created when it is first
// needed, and connects with its first call, so that an unreachable cluster delays
// nobody.
package cluster

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"

	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// The sources of clusters.
const (
	FromKubeconfig = "kubeconfig"
	FromInCluster  = "in-cluster"
	FromImport     = "imported"
)

// Cluster describes one cluster.
type Cluster struct {
	Name     string
	Server   string // address of the API server
	Source   string // one of the sources above
	Labels   map[string]string
	Colour   string // one of Colours, or "" for none
	Position int    // in lists; 0 is after all others
	Disabled bool   // nobody calls it
	ActAs    bool   // changes are made in the name of their user
	ActAsSet bool   // by an option, so that it cannot be changed here
	Imported
}

// Imported is what only an imported cluster has.
type Imported struct {
	Credentials string    // their kind, "token" or "certificate"
	Insecure    bool      // its certificate is not verified
	UpdatedBy   string    // who changed the cluster last
	UpdatedAt   time.Time // when
}

// Colours returns the colours that a cluster may have.
func Colours() []string {
	return []string{"red", "orange", "yellow", "green", "teal", "blue", "purple", "grey"}
}

// entry is one cluster and its link. A change of the cluster makes a new entry; the
// link stays while its configuration does.
type entry struct {
	Cluster
	*link
}

// link is the client of a cluster and its status.
type link struct {
	key    string                       // identifies the configuration
	client func() (*kube.Client, error) // creates the client on the first call

	mu       sync.Mutex
	created  *kube.Client // nil until then
	closed   bool
	status   Status
	answered time.Time // when a call last succeeded
	looked   time.Time // see Look
	probing  bool
	soon     bool    // see ProbeSoon
	failed   int     // probes that failed in a row
	jitter   float64 // factor of the wait for the next probe
}

// set is the clusters at one moment. It never changes.
type set struct {
	order  []*entry
	byName map[string]*entry
}

// Registry holds the clusters. A Registry is safe for concurrent use.
type Registry struct {
	current atomic.Pointer[set]
	now     func() time.Time
	manager

	mu       sync.Mutex // held to change the set, never during a call
	contexts []spec     // of the kubeconfig files
	stored   []spec     // of the database, with the settings of contexts
}

func newRegistry() *Registry {
	r := &Registry{now: time.Now}
	r.current.Store(&set{byName: map[string]*entry{}})
	return r
}

// spec is what is known of a cluster before there is a client.
type spec struct {
	Cluster
	key      string // identifies the configuration
	agent    string // of the requests
	config   func() (*rest.Config, error)
	settings bool // it has only the settings of a context
}

// setContexts replaces the clusters of the kubeconfig files.
func (r *Registry) setContexts(contexts []spec) {
	r.mu.Lock()
	r.contexts = contexts
	changed := r.apply()
	r.mu.Unlock()
	r.finish(changed)
}

// setStored replaces the clusters of the database.
func (r *Registry) setStored(stored []spec) {
	r.mu.Lock()
	r.stored = stored
	changed := r.apply()
	r.mu.Unlock()
	r.finish(changed)
}

// apply makes the new set and returns the entries whose configuration is no longer in
// use. The caller holds r.mu.
func (r *Registry) apply() (gone []*entry) {
	old, next := r.current.Load(), &set{byName: map[string]*entry{}}
	for _, s := range merge(r.contexts, r.stored) {
		if r.isSetToActAs(s.Name) {
			s.ActAs, s.ActAsSet = true, true
		}
		e := &entry{Cluster: s.Cluster}
		if before := old.byName[s.Name]; before != nil && before.key == s.key {
			e.link = before.link
		} else {
			e.link = r.newLink(s)
		}
		next.order, next.byName[s.Name] = append(next.order, e), e
	}
	r.current.Store(next)
	for _, e := range old.order {
		if now := next.byName[e.Name]; now == nil || now.link != e.link {
			gone = append(gone, e)
		}
	}
	return gone
}

// finish closes the clients of clusters that have changed or are gone.
func (r *Registry) finish(gone []*entry) {
	for _, e := range gone {
		e.close()
		if r.changed != nil {
			r.changed(e.Name)
		}
	}
}

// merge returns the clusters in the order of lists: by position, and those without a
// position after them, the contexts first. An imported cluster hides a context of
// the same name: it is what the history of that name belongs to.
func merge(contexts, stored []spec) []spec {
	byName := map[string]spec{}
	for _, s := range stored {
		byName[s.Name] = s
	}
	var all []spec
	for _, s := range contexts {
		set, found := byName[s.Name]
		switch {
		case found && !set.settings:
			continue
		case found:
			s.Labels, s.Colour, s.Position, s.ActAs = set.Labels, set.Colour, set.Position, set.ActAs
			s.disable(set.Disabled)
		}
		all = append(all, s)
	}
	for _, s := range stored {
		if !s.settings {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b spec) int { return rank(a) - rank(b) })
	return all
}

// disable makes the cluster another one as far as its client is concerned: the client
// of an enabled cluster is closed when it is disabled.
func (s *spec) disable(disabled bool) {
	s.Disabled = disabled
	if disabled {
		s.key += " disabled"
	}
}

// maxPosition is the last position in lists.
const maxPosition = 9999

func rank(s spec) int {
	if s.Position == 0 {
		return maxPosition + 1
	}
	return s.Position
}

// newLink returns a link that calls s.config when the client is first needed.
func (r *Registry) newLink(s spec) *link {
	l := &link{key: s.key, jitter: 1}
	if s.Disabled {
		l.client = func() (*kube.Client, error) {
			return nil, services.NewError(services.CodeConflict, "error_cluster_disabled", "Cluster", s.Name)
		}
		return l
	}
	l.client = sync.OnceValues(func() (*kube.Client, error) { return r.connect(l, s) })
	return l
}

func (r *Registry) connect(l *link, s spec) (*kube.Client, error) {
	config, err := s.config()
	if err == nil {
		if r.source.Allow != nil {
			config.Wrap(kube.BeforeChange(r.source.Allow))
		}
		var client *kube.Client
		client, err = kube.New(config, s.agent, func(began time.Time, err error) { l.record(began, r.now(), err) })
		if err == nil {
			return client, l.keep(client)
		}
	}
	if services.CodeOf(err) != services.CodeInternal {
		return nil, err // it says what is wrong
	}
	return nil, services.Wrap(err, services.CodeUnavailable, "error_cluster_config", "Cluster", s.Name)
}

// keep stores the client. A client that is ready after the link was closed is closed
// as well.
func (l *link) keep(client *kube.Client) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.created = client
	if l.closed {
		client.Close()
	}
	return nil
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.created != nil {
		l.created.Close()
	}
}

// Close closes the connections of all clients. No client may be in use any more.
func (r *Registry) Close() {
	for _, e := range r.entries() {
		e.close()
	}
}

func (r *Registry) entries() []*entry { return r.current.Load().order }

// List returns every cluster, also the disabled ones.
func (r *Registry) List() []Cluster {
	entries := r.entries()
	out := make([]Cluster, len(entries))
	for i, e := range entries {
		out[i] = e.copied()
	}
	return out
}

// copied returns the cluster with labels of its own.
func (e *entry) copied() Cluster {
	c := e.Cluster
	c.Labels = maps.Clone(c.Labels)
	return c
}

// Labels returns the labels of every cluster, by its name. They must not be changed.
func (r *Registry) Labels() map[string]map[string]string {
	labels := map[string]map[string]string{}
	for _, e := range r.entries() {
		labels[e.Name] = e.Cluster.Labels
	}
	return labels
}

// Get returns the cluster with that name, or CodeNotFound.
func (r *Registry) Get(name string) (Cluster, error) {
	e, err := r.find(name)
	if err != nil {
		return Cluster{}, err
	}
	return e.copied(), nil
}

// Client returns the client of a cluster.
//
// Errors: CodeNotFound; CodeConflict for a disabled cluster; CodeUnavailable when the
// configuration is invalid.
func (r *Registry) Client(name string) (*kube.Client, error) {
	e, err := r.find(name)
	if err != nil {
		return nil, err
	}
	began := r.now()
	client, err := e.client()
	if err != nil && !e.Disabled {
		e.record(began, r.now(), err)
	}
	return client, err
}

func (r *Registry) find(name string) (*entry, error) {
	e, ok := r.current.Load().byName[name]
	if !ok {
		return nil, services.NewError(services.CodeNotFound, "error_cluster_unknown", "Cluster", name)
	}
	return e, nil
}
