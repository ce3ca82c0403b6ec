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

// Clients gives the client of a cluster, or a CodeNotFound error.
type Clients interface {
	Client(cluster string) (*kube.Client, error)
}

// Options are the ages up to which reads are served from the cache.
type Options struct {
	ListTTL   time.Duration
	DetailTTL time.Duration // of the pods on a node
	HardAge   time.Duration // of lists
}

// convergingTTL is the age up to which a list is served in which the control
// plane has yet to follow a change.
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
	failed map[string]error // why a cluster's nodes could not be listed the last time
}

// New returns the read model over the given cache.
func New(clients Clients, c *cache.Cache, o Options) *Service {
	return &Service{
		clients: clients,
		cache:   c,
		list:    cache.Policy{TTL: o.ListTTL, HardAge: o.HardAge, Timeout: loadTimeout},
		node:    cache.Policy{TTL: o.ListTTL, HardAge: o.HardAge, Timeout: loadTimeout},
		pods:    cache.Policy{TTL: o.DetailTTL, HardAge: o.DetailTTL, Timeout: loadTimeout},
		now:     time.Now,
		failed:  map[string]error{},
	}
}

// Inventory is every node of a cluster, by name.
type Inventory struct {
	Nodes   []*Node
	byName  map[string]*Node
	summary func() Summary
	AsOf    time.Time
	Stale   error
}

// Find gives the node of that name, or nil.
func (i Inventory) Find(name string) *Node { return i.byName[name] }

// Summary counts the whole cluster.
func (i Inventory) Summary() Summary { return i.summary() }

// inventory is the cached form of an Inventory.
type inventory struct {
	nodes   []*Node
	byName  map[string]*Node
	summary func() Summary
}

// All gives every node of a cluster. With fresh, nothing that was read before
// the call is good enough.
func (s *Service) All(ctx context.Context, cluster string, fresh bool) (Inventory, error) {
	if err := services.ActorFrom(ctx).Require(services.PermitSee); err != nil {
		return Inventory{}, err
	}
	client, err := s.clients.Client(cluster)
	if err != nil {
		return Inventory{}, err
	}
	read := cache.Get[inventory]
	if fresh {
		read = cache.Fresh[inventory]
	}
	found, err := read(ctx, s.cache, cache.Key{Cluster: cluster, Kind: kindNodes}, s.policy(cluster), func(ctx context.Context) (inventory, error) {
		items, err := client.ListNodes(ctx)
		s.noteList(ctx, cluster, err)
		return newInventory(items), err
	})
	if err != nil {
		return Inventory{}, tooLong(err)
	}
	return inventoryOf(found), nil
}

// policy returns how long a cluster's list is served. One in which nodes are
// converging will soon be wrong, so it is read again sooner.
func (s *Service) policy(cluster string) cache.Policy {
	p := s.list
	found, ok := cache.Peek[inventory](s.cache, cache.Key{Cluster: cluster, Kind: kindNodes}, p)
	if ok && slices.ContainsFunc(found.Value.nodes, func(n *Node) bool { return n.Converging }) {
		p.TTL = min(p.TTL, convergingTTL)
	}
	return p
}

// tooLong puts the end of a reader's own patience into the words for a cluster
// that does not answer.
func tooLong(err error) error {
	if err == context.DeadlineExceeded { //nolint:errorlint // one that is wrapped has its words
		return services.Wrap(err, services.CodeTimeout, "error_cluster_timeout")
	}
	return err
}

// Known gives what the cache holds of a cluster's nodes, without asking the
// cluster. Stale says why they could not be read the last time, also when
// nothing is known of them.
func (s *Service) Known(cluster string) (Inventory, bool) {
	found, ok := cache.Peek[inventory](s.cache, cache.Key{Cluster: cluster, Kind: kindNodes}, s.list)
	s.mu.Lock()
	failed := s.failed[cluster]
	s.mu.Unlock()
	if !ok {
		return Inventory{Stale: failed}, false
	}
	known := inventoryOf(found)
	known.Stale = failed
	return known, true
}

// noteList notes how the last list of a cluster's nodes ended. One that was
// called off, by a clearing or the program's end, says nothing.
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

func inventoryOf(found cache.Snapshot[inventory]) Inventory {
	v := found.Value
	return Inventory{Nodes: v.nodes, byName: v.byName, summary: v.summary, AsOf: found.AsOf, Stale: found.Stale}
}

func newInventory(items []corev1.Node) inventory {
	v := inventory{nodes: make([]*Node, len(items)), byName: make(map[string]*Node, len(items))}
	for i := range items {
		n := FromKube(&items[i])
		v.nodes[i], v.byName[n.Name] = n, n
	}
	sortByName(v.nodes)
	v.summary = sync.OnceValue(func() Summary { return summarize(v.nodes) })
	return v
}

// Usage gives what the pods on each node have requested, by node name. It is
// read with one list of all pods, which may take long: tables load it after
// themselves.
func (s *Service) Usage(ctx context.Context, cluster string) (map[string]Usage, error) {
	client, err := s.clients.Client(cluster)
	if err != nil {
		return nil, err
	}
	found, err := cache.Get(ctx, s.cache, cache.Key{Cluster: cluster, Kind: kindUsage}, s.list, func(ctx context.Context) (map[string]Usage, error) {
		pods, err := client.ListPods(ctx, "")
		return usageByNode(pods), err
	})
	return found.Value, err
}

// List gives one page of the table. The columns that need pods are filled in
// when withUsage asks for them, or when they are known already.
func (s *Service) List(ctx context.Context, cluster string, q Query, withUsage bool) (Page, error) {
	q, err := q.normal()
	if err != nil {
		return Page{}, err
	}
	// The nodes are read last: a clearing while the pods are waited for must not
	// leave older nodes in the page.
	usage, usageErr := s.usageFor(ctx, cluster, q, withUsage)
	all, err := s.All(ctx, cluster, q.Fresh)
	if err != nil {
		return Page{}, err
	}
	if usageErr != nil && q.needsUsage() {
		return Page{}, usageErr
	}
	return newPage(all, q, usage), nil
}

// Last returns the page that List gave before, as far as the cache still has it:
// for a reader whose cluster does not answer. why is what List said.
func (s *Service) Last(ctx context.Context, cluster string, q Query, why error) (Page, bool) {
	if services.ActorFrom(ctx).Require(services.PermitSee) != nil {
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
	return newPage(known, q, usage), true
}

// usageFor reads the pods when they are asked for, and otherwise only looks.
func (s *Service) usageFor(ctx context.Context, cluster string, q Query, wait bool) (map[string]Usage, error) {
	if wait || q.needsUsage() {
		return s.Usage(ctx, cluster)
	}
	found, _ := cache.Peek[map[string]Usage](s.cache, cache.Key{Cluster: cluster, Kind: kindUsage}, s.list)
	return found.Value, nil
}

// Match gives all nodes that the query's filters let through, in its order.
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
	matched, _ := q.filter(all.Nodes)
	q.sort(matched, usage)
	return matched, nil
}
