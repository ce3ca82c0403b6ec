package node

import (
	"context"
	"time"

	"kube-node-manager/cache"
	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// kindMetrics is the kind of what the nodes of a cluster use.
const kindMetrics = "metrics"

// withoutMetrics is how long a cluster without metrics is not asked for them again.
const withoutMetrics = 5 * time.Minute

// Used is what runs on a node uses, as its kubelet has measured it.
type Used = kube.InUse

// metrics is what the nodes of a cluster use, by node name; nil if that is not to be had.
type metrics map[string]Used

// InUse is what is known of what nodes use, by cluster and name.
type InUse map[string]map[string]Used

// Of returns what a node uses. The result is false if it is unknown.
func (u InUse) Of(n *Node) (Used, bool) {
	used, known := u[n.Cluster][n.Name]
	return used, known
}

// inUse returns what the nodes of a cluster use, nil if it is unknown. Unless wait is
// true, it only looks in the cache.
func (s *Service) inUse(ctx context.Context, cluster string, wait bool) map[string]Used {
	key := cache.Key{Cluster: cluster, Kind: kindMetrics}
	policy := s.list
	known, ok := cache.Peek[metrics](s.cache, key, policy)
	if ok && known.Value == nil {
		policy.TTL = max(policy.TTL, withoutMetrics)
		policy.HardAge = policy.TTL
	}
	if !wait {
		return known.Value
	}
	found, err := cache.Get(ctx, s.cache, key, policy, func(ctx context.Context) (metrics, error) {
		return s.measure(ctx, cluster)
	})
	if err != nil {
		return nil
	}
	return found.Value
}

// measure asks a cluster what its nodes use. That there is no answer to this is an answer.
func (s *Service) measure(ctx context.Context, cluster string) (metrics, error) {
	client, err := s.clients.Client(cluster)
	if err != nil {
		return nil, err
	}
	if err := s.clients.Down(cluster); err != nil {
		return nil, err
	}
	used, err := client.NodeMetrics(ctx)
	switch services.CodeOf(err) {
	case services.CodeNotFound, services.CodeForbidden, services.CodeUnavailable, services.CodeTimeout:
		return nil, nil
	}
	return used, err
}
