// Package inspect reads what the page of one node shows beyond the list of nodes: its pods
// with what a drain would do to each, its events, its lease, its images and its manifest.
// Each part is read on its own, when somebody looks at it, and may be refused on its own.
package inspect

import (
	"context"
	"time"

	"kube-node-manager/cache"
	"kube-node-manager/services"
	"kube-node-manager/services/kube"
	"kube-node-manager/services/node"
	"kube-node-manager/services/rule"
)

// Kinds of cached values.
const (
	kindPods   = "inspect pods"
	kindEvents = "inspect events"
	kindLease  = "inspect lease"
	kindObject = "inspect object"
)

// loadTimeout bounds one load of the cache.
const loadTimeout = 60 * time.Second

// Clients returns the clients of clusters.
type Clients interface {
	// Client returns the client of a cluster. If there is no such cluster, the error
	// has CodeNotFound.
	Client(cluster string) (*kube.Client, error)
	// Down returns why a cluster is known to be unreachable, or nil.
	Down(cluster string) error
}

// Nodes returns single nodes as they are cached.
type Nodes interface {
	GetQuick(ctx context.Context, cluster, name string, fresh bool) (node.Found, error)
}

// Rules returns what holds for all maintenance of a cluster.
type Rules interface {
	Of(ctx context.Context, cluster string) (rule.Rules, error)
}

// Service reads parts of nodes through the cache. It is safe for concurrent use.
type Service struct {
	clients Clients
	nodes   Nodes
	rules   Rules
	cache   *cache.Cache
	policy  cache.Policy
}

// New returns a service whose values are served for up to maxAge.
func New(clients Clients, nodes Nodes, rules Rules, c *cache.Cache, maxAge time.Duration) *Service {
	policy := cache.Policy{TTL: maxAge, HardAge: maxAge, Timeout: loadTimeout}
	return &Service{clients: clients, nodes: nodes, rules: rules, cache: c, policy: policy}
}

// servedFor returns a service whose values are served for at most so long.
func (s *Service) servedFor(age time.Duration) *Service {
	short := *s
	short.policy.TTL, short.policy.HardAge = min(age, s.policy.TTL), min(age, s.policy.HardAge)
	return &short
}

// Part is a part of a node and its age.
type Part[T any] struct {
	Value T
	AsOf  time.Time // when the read began
}

// read returns a part of a node, from the cache if it is there. With fresh, it is read
// after the call.
func read[T any](
	ctx context.Context, s *Service, key cache.Key, fresh bool, load func(context.Context, *kube.Client) (T, error),
) (Part[T], error) {
	if err := services.RequireIn(ctx, key.Cluster, services.PermitSee); err != nil {
		return Part[T]{}, err
	}
	client, err := s.clients.Client(key.Cluster)
	if err != nil {
		return Part[T]{}, err
	}
	get := cache.Get[T]
	if fresh {
		get = cache.Fresh[T]
	}
	found, err := get(ctx, s.cache, key, s.policy, func(ctx context.Context) (out T, err error) {
		down := s.clients.Down(key.Cluster)
		if down != nil && !fresh {
			return out, down
		}
		return load(ctx, client)
	})
	return Part[T]{Value: found.Value, AsOf: found.AsOf}, explainDeadline(err)
}

// explainDeadline turns the end of a reader's own deadline into the error of a
// cluster that does not answer.
func explainDeadline(err error) error {
	if err == context.DeadlineExceeded { //nolint:errorlint // a wrapped one has a message already
		return services.Wrap(err, services.CodeTimeout, "error_cluster_timeout")
	}
	return err
}
