package node

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/cache"
)

// Usage returns the usage of each node, by node name. It lists all pods of the
// cluster unless they are followed, which may take long; a page should load it
// separately.
func (s *Service) Usage(ctx context.Context, cluster string) (map[string]Usage, error) {
	found, err := cache.Get(ctx, s.cache, usageKey(cluster), s.list, s.usageLoad(cluster))
	return found.Value, err
}

// usageLoad returns the load of the usage. A tally that is followed is as new as a list
// that the API server answers from its watch cache, so it stands in for one.
func (s *Service) usageLoad(cluster string) func(context.Context) (map[string]Usage, error) {
	return func(ctx context.Context) (map[string]Usage, error) {
		if followed := s.tallies.followed(cluster); followed != nil {
			return followed.usage(), nil
		}
		counted, err := s.count(ctx, cluster)
		if err != nil {
			return nil, err
		}
		s.tallies.offer(cluster, counted)
		return counted.usage(), nil
	}
}

// count lists the pods of a cluster.
func (s *Service) count(ctx context.Context, cluster string) (*tally, error) {
	if err := s.clients.Down(cluster); err != nil {
		return nil, err
	}
	client, err := s.clients.Client(cluster)
	if err != nil {
		return nil, err
	}
	t := newTally(s.now())
	t.version, err = client.EachPod(ctx, func(p *corev1.Pod) { t.set(p, false) })
	return t, err
}

// usageFor returns the usage of each node. Unless wait is true or the order of the
// table needs the usage, it only looks in the cache and may return nil.
func (s *Service) usageFor(ctx context.Context, cluster string, q Query, wait bool) (map[string]Usage, error) {
	if wait || q.needsUsage() {
		return s.Usage(ctx, cluster)
	}
	known, _ := s.knownUsage(cluster)
	return known, nil
}

// knownUsage returns the usage from the cache; the result is false if it has none.
func (s *Service) knownUsage(cluster string) (map[string]Usage, bool) {
	found, ok := cache.Peek[map[string]Usage](s.cache, usageKey(cluster), s.list)
	return found.Value, ok
}

func usageKey(cluster string) cache.Key { return cache.Key{Cluster: cluster, Kind: kindUsage} }
