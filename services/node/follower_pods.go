package node

import (
	"context"
	"maps"
	"time"

	"kube-node-manager/cache"
	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

// usageEvery is how often readers get the usage of followed pods, if it has changed. In
// a busy cluster it always has.
const usageEvery = 5 * time.Second

// followPods keeps the usage of a cluster up to date from its first list on, until ctx
// ends. Nobody may want the usage, so it does not begin with a list of its own.
func (f *Follower) followPods(ctx context.Context, cluster string) {
	box, stop := f.service.tallies.await(cluster)
	defer stop()
	if _, known := f.service.knownUsage(cluster); known {
		f.count(ctx, cluster) // it was listed before the box was there
	}
	pauses := kube.NewBackoff(followAgain, followLongest)
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-box:
			err := f.watchPods(ctx, cluster, t)
			if services.CodeOf(err) == services.CodeForbidden {
				return // readers list the pods when the usage expires
			}
			f.log.DebugContext(ctx, "A watch of pods has ended", "cluster", cluster, "error", err)
			if time.Since(t.listed) > followLongest {
				pauses = kube.NewBackoff(followAgain, followLongest)
			}
			_ = kube.Sleep(ctx, pauses.Step()) // the end of ctx ends the loop
			f.count(ctx, cluster)
		}
	}
}

// count lists the pods; the box gets the result. If that fails, nobody knows the usage,
// and the next reader asks for it.
func (f *Follower) count(ctx context.Context, cluster string) {
	_, err := cache.Fresh(ctx, f.service.cache, usageKey(cluster), f.service.list, f.service.usageLoad(cluster))
	if err != nil {
		f.service.cache.Forget(usageKey(cluster))
	}
}

// watchPods follows the pods from a tally on, until the watch fails.
func (f *Follower) watchPods(ctx context.Context, cluster string, t *tally) error {
	client, err := f.service.clients.Client(cluster)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer f.service.tallies.follow(cluster, t)()
	f.viewers.NodesChanged(cluster) // a page may have given up waiting for the list
	f.running.Go(func() { f.publishUsage(ctx, cluster, t) })
	return client.FollowPods(ctx, t.version, t.set)
}

// publishUsage brings the changes of a tally into the cache until ctx ends.
func (f *Follower) publishUsage(ctx context.Context, cluster string, t *tally) {
	for kube.Sleep(ctx, f.usageEvery) == nil {
		sums, changed := t.news()
		if !changed {
			continue
		}
		replace := func(old map[string]Usage) (map[string]Usage, bool) { return sums, !maps.Equal(old, sums) }
		if cache.Update(f.service.cache, usageKey(cluster), replace) {
			f.viewers.NodesChanged(cluster)
		}
	}
}
