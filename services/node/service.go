package node

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/cache"
	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// Kinds of cached values.
const (
	kindNodes  = "nodes"
	kindNode   = "node"
	kindOnNode = "pods"
	kindUsage  = "usage"
)

// Clients returns the clients of clusters.
type Clients interface {
	// Client returns the client of a cluster. If there is no such cluster, the error
	// has CodeNotFound.
	Client(cluster string) (*kube.Client, error)
	// Down returns why a cluster is known to be unreachable, or nil.
	Down(cluster string) error
}

// Options are the ages up to which values are served from the cache.
type Options struct {
	ListTTL   time.Duration
	DetailTTL time.Duration // of the pods on a node
	HardAge   time.Duration // of lists
}

// convergingTTL is the TTL of a list that contains converging nodes.
const convergingTTL = 2 * time.Second

// loadTimeout bounds one load of the cache.
const loadTimeout = 60 * time.Second

// Service reads nodes.
type Service struct {
	clients Clients
	cache   *cache.Cache
	list    cache.Policy
	node    cache.Policy // of one node
	pods    cache.Policy // of the pods on one node
	now     func() time.Time

	mu     sync.Mutex
	failed map[string]error // by cluster: why the last list of its nodes failed
	polled map[string]bool  // clusters whose nodes may not be watched

	tallies tallies
}

// New returns a service that reads through the given cache.
func New(clients Clients, c *cache.Cache, o Options) *Service {
	return &Service{
		clients: clients,
		cache:   c,
		list:    cache.Policy{TTL: o.ListTTL, HardAge: o.HardAge, Timeout: loadTimeout},
		node:    cache.Policy{TTL: o.ListTTL, HardAge: o.HardAge, Timeout: loadTimeout},
		pods:    cache.Policy{TTL: o.DetailTTL, HardAge: o.DetailTTL, Timeout: loadTimeout},
		now:     time.Now,
		failed:  map[string]error{},
		polled:  map[string]bool{},
	}
}

// Inventory is all nodes of a cluster, in the order of their names.
type Inventory struct {
	Nodes   []*Node
	AsOf    time.Time // when the nodes were so: the begin of their read, or a later confirmation
	Stale   error     // why the last refresh failed; nil if it did not
	byName  map[string]*Node
	version string // resource version at which the nodes were like this
	summary func() Summary
	drift   func() []Drift
}

// Find returns the node of that name, or nil.
func (i Inventory) Find(name string) *Node { return i.byName[name] }

// Summary returns the counts of the whole cluster.
func (i Inventory) Summary() Summary { return i.summary() }

// All returns every node of a cluster. With fresh, the nodes are read after the
// call.
func (s *Service) All(ctx context.Context, cluster string, fresh bool) (Inventory, error) {
	if err := services.RequireIn(ctx, cluster, services.PermitSee); err != nil {
		return Inventory{}, err
	}
	client, err := s.clients.Client(cluster)
	if err != nil {
		return Inventory{}, err
	}
	read := cache.Get[Inventory]
	if fresh {
		read = cache.Fresh[Inventory]
	}
	load := func(ctx context.Context) (Inventory, error) {
		if err := s.down(cluster, fresh); err != nil {
			return Inventory{}, err
		}
		items, version, err := client.ListNodes(ctx)
		s.noteList(ctx, cluster, err)
		return newInventory(items, version).in(cluster), err
	}
	found, err := read(ctx, s.cache, nodesKey(cluster), s.policy(cluster), load)
	if err != nil {
		return Inventory{}, explainDeadline(err)
	}
	return withAge(found), nil
}

// down returns why a cluster need not be called, or nil. A reader who wants fresh data
// has it called anyway.
func (s *Service) down(cluster string, fresh bool) error {
	if fresh {
		return nil
	}
	return s.clients.Down(cluster)
}

// policy returns the cache policy of a cluster's list. A list that contains
// converging nodes is out of date soon, so it gets a shorter TTL.
func (s *Service) policy(cluster string) cache.Policy {
	p := s.list
	found, ok := cache.Peek[Inventory](s.cache, nodesKey(cluster), p)
	if ok && slices.ContainsFunc(found.Value.Nodes, func(n *Node) bool { return n.Converging }) {
		p.TTL = min(p.TTL, convergingTTL)
	}
	return p
}

// explainDeadline turns the end of a reader's own deadline into the error of a
// cluster that does not answer.
func explainDeadline(err error) error {
	if err == context.DeadlineExceeded { //nolint:errorlint // a wrapped one has a message already
		return services.Wrap(err, services.CodeTimeout, "error_cluster_timeout")
	}
	return err
}

// Known returns the nodes of a cluster from the cache, without calling the
// cluster; the result is false if the cache does not have them. Stale is why the
// last list of the nodes failed; it is set in both cases.
func (s *Service) Known(cluster string) (Inventory, bool) {
	found, ok := cache.Peek[Inventory](s.cache, nodesKey(cluster), s.list)
	s.mu.Lock()
	failed := s.failed[cluster]
	s.mu.Unlock()
	if !ok {
		return Inventory{Stale: failed}, false
	}
	known := withAge(found)
	known.Stale = failed
	return known, true
}

// noteList records the outcome of a list of a cluster's nodes, unless the list was
// cancelled because the cluster was cleared or the program ends.
func (s *Service) noteList(ctx context.Context, cluster string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		delete(s.failed, cluster)
	case !errors.Is(ctx.Err(), context.Canceled):
		s.failed[cluster] = err
	}
}

// notePolled records whether the nodes of a cluster are listed again and again because
// they may not be watched.
func (s *Service) notePolled(cluster string, polled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.polled[cluster] = polled
}

// Polled reports whether what others change in a cluster shows late, because its nodes
// may not be watched.
func (s *Service) Polled(cluster string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.polled[cluster]
}

// withAge returns a cached inventory with its age.
func withAge(found cache.Snapshot[Inventory]) Inventory {
	found.Value.AsOf, found.Value.Stale = found.AsOf, found.Stale
	return found.Value
}

// newInventory returns the inventory that is cached, without its age.
func newInventory(items []corev1.Node, version string) Inventory {
	nodes, byName := make([]*Node, len(items)), make(map[string]*Node, len(items))
	for i := range items {
		n := FromKube(&items[i])
		nodes[i], byName[n.Name] = n, n
	}
	sortByName(nodes)
	return inventoryOf(nodes, byName, version)
}

// in returns the inventory, whose nodes nobody else has yet, as that of a cluster.
func (i Inventory) in(cluster string) Inventory {
	for _, n := range i.Nodes {
		n.Cluster = cluster
	}
	return i
}

// List returns one page of the table. The page has usage if withUsage is true, if
// the order of the table needs it, or if the cache has it.
func (s *Service) List(ctx context.Context, cluster string, q Query, withUsage bool) (Page, error) {
	q, err := q.normal()
	if err != nil {
		return Page{}, err
	}
	// The nodes are read last. If they were read first, and the cluster were cleared
	// while the pods are loaded, the page would show the nodes of before.
	usage, usageErr := s.usageFor(ctx, cluster, q, withUsage)
	used := s.inUse(ctx, cluster, withUsage)
	all, err := s.All(ctx, cluster, q.Fresh)
	if err != nil {
		return Page{}, err
	}
	if usageErr != nil && q.needsUsage() {
		return Page{}, usageErr
	}
	page := newPage(all, q, s.sight(cluster, usage))
	page.Polled, page.InUse = s.Polled(cluster), InUse{cluster: used}
	return page, nil
}

// Last returns the page of the query from the cache, for a reader whose cluster
// does not answer. why is the error of List. The result is false if the cache does
// not have the nodes.
func (s *Service) Last(ctx context.Context, cluster string, q Query, why error) (Page, bool) {
	if services.RequireIn(ctx, cluster, services.PermitSee) != nil {
		return Page{}, false
	}
	q, err := q.normal()
	known, ok := s.Known(cluster)
	if err != nil || !ok {
		return Page{}, false
	}
	usage, err := s.usageFor(ctx, cluster, Query{}, false)
	if err != nil {
		return Page{}, false
	}
	known.Stale = why
	return newPage(known, q, s.sight(cluster, usage)), true
}

// sight returns what a search knows of a cluster; usage is nil while it is unknown.
func (s *Service) sight(cluster string, usage map[string]Usage) sight {
	see := sight{now: s.now()}
	if usage != nil {
		see.usage = Usages{cluster: usage}
	}
	return see
}

// Match returns all nodes that match the query's filters, in its order and its groups.
func (s *Service) Match(ctx context.Context, cluster string, q Query) ([]*Node, error) {
	q, err := q.normal()
	if err != nil {
		return nil, err
	}
	all, err := s.All(ctx, cluster, q.Fresh)
	if err != nil {
		return nil, err
	}
	usage, err := s.usageFor(ctx, cluster, q, false)
	if err != nil {
		return nil, err
	}
	see := s.sight(cluster, usage)
	matched, _ := q.filter(all.Nodes, see)
	q.sort(matched, see.usage)
	if q.Group != "" {
		matched = ungroup(q.group(matched, see.usage))
	}
	return matched, nil
}
