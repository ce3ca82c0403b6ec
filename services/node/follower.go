package node

import (
	"context"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kube-node-manager/cache"
	"kube-node-manager/services"
	"kube-node-manager/services/kube"
)

const (
	// lookFor is how long a cluster is followed after Look.
	lookFor = time.Minute
	// gatherFor is how long changes are gathered before readers get them, and restFor how
	// long readers are left alone after that. Together they allow four times a second.
	gatherFor = 100 * time.Millisecond
	restFor   = 150 * time.Millisecond
	// pollEvery is how often a cluster is listed whose nodes may not be watched.
	pollEvery = 10 * time.Second
	// The wait after a failure, which doubles with each further one.
	followAgain   = time.Second
	followLongest = 30 * time.Second
)

// Follower keeps the cached nodes of the clusters that somebody looks at up to date, with
// one watch for each of them. It is safe for concurrent use.
//
// The cache and its fence stay the only source of what readers get: what the watch sees
// changes a cached list if it is newer than that, and never a list that was cleared.
type Follower struct {
	service *Service
	log     *slog.Logger
	changed func(cluster string) // called after readers of a cluster may see a change

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	// Those of the constants, but in tests.
	lookFor, usageEvery time.Duration

	mu       sync.Mutex
	closed   bool
	followed map[string]*time.Timer // by cluster; it fires when nobody looks any more
}

// NewFollower returns a follower that follows nothing yet. The caller must call Close.
func NewFollower(ctx context.Context, s *Service, log *slog.Logger, changed func(cluster string)) *Follower {
	f := &Follower{
		service: s, log: log, changed: changed, lookFor: lookFor, usageEvery: usageEvery,
		followed: map[string]*time.Timer{},
	}
	reader := services.Actor{Name: "follower", Role: services.RoleViewer}
	f.ctx, f.cancel = context.WithCancel(services.WithActor(context.WithoutCancel(ctx), reader))
	return f
}

// Close stops all watches and waits for them.
func (f *Follower) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.running.Wait()
}

// Look says that somebody looks at a cluster: it is followed from now on, for some time.
// Call it again while somebody does.
func (f *Follower) Look(cluster string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	// A timer that has fired already has ended the watch: it begins anew.
	if timer := f.followed[cluster]; timer != nil && timer.Reset(f.lookFor) {
		return
	}
	ctx, cancel := context.WithCancel(f.ctx)
	f.followed[cluster] = time.AfterFunc(f.lookFor, cancel)
	f.running.Go(func() {
		defer cancel()
		f.follow(ctx, cluster)
	})
	f.running.Go(func() { f.followPods(ctx, cluster) })
}

// follow follows a cluster until ctx ends.
func (f *Follower) follow(ctx context.Context, cluster string) {
	pauses := kube.NewBackoff(followAgain, followLongest)
	for ctx.Err() == nil {
		began := time.Now()
		err := f.watch(ctx, cluster)
		if time.Since(began) > followLongest {
			pauses = kube.NewBackoff(followAgain, followLongest) // it worked for some time
		}
		pause := pauses.Step()
		if services.CodeOf(err) == services.CodeForbidden {
			pause = pollEvery
		}
		f.log.DebugContext(ctx, "A watch of nodes has ended", "cluster", cluster, "error", err, "again", pause)
		_ = kube.Sleep(ctx, pause) // the end of ctx ends the loop
	}
}

// watch lists the nodes and follows them from there on, until the watch fails.
func (f *Follower) watch(ctx context.Context, cluster string) error {
	if err := f.service.clients.Down(cluster); err != nil {
		return err // its probes find out when it is back
	}
	before, known := f.service.Known(cluster)
	now, err := f.service.All(ctx, cluster, true)
	if err != nil {
		return err
	}
	if known && !before.looksLike(now) {
		// The list is in the cache already. The generation says so to pages that were made
		// before it and open their stream after this.
		cache.Update(f.service.cache, nodesKey(cluster), func(v Inventory) (Inventory, bool) { return v, true })
		f.changed(cluster)
	}
	client, err := f.service.clients.Client(cluster)
	if err != nil {
		return err
	}
	g := f.gather(ctx, cluster, kube.HasOrder(now.version))
	defer g.stop()
	return client.FollowNodes(ctx, "", now.version, g.add)
}

// gathering collects what a watch sees, so that many changes at once are one for readers.
type gathering struct {
	mu   sync.Mutex
	seen map[string]sighting
	some chan struct{} // has a value if there is something
	done chan struct{}
	end  context.CancelFunc
}

// gather applies what is added, in groups, until stop. If resource versions have no order,
// each group clears the cluster instead.
func (f *Follower) gather(ctx context.Context, cluster string, ordered bool) *gathering {
	g := &gathering{seen: map[string]sighting{}, some: make(chan struct{}, 1), done: make(chan struct{})}
	ctx, g.end = context.WithCancel(ctx)
	go func() {
		defer close(g.done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-g.some:
			}
			_ = kube.Sleep(ctx, gatherFor) // at the end, what is there is applied
			f.apply(cluster, g.take(), ordered)
			_ = kube.Sleep(ctx, restFor)
		}
	}()
	return g
}

// add adds a state of a node. It never blocks.
func (g *gathering) add(n *corev1.Node, deleted bool) (done bool) {
	g.mu.Lock()
	g.seen[n.Name] = newSighting(n, deleted)
	g.mu.Unlock()
	select {
	case g.some <- struct{}{}:
	default:
	}
	return false
}

// take returns what was added since the last call.
func (g *gathering) take() map[string]sighting {
	g.mu.Lock()
	defer g.mu.Unlock()
	seen := g.seen
	g.seen = map[string]sighting{}
	return seen
}

func (g *gathering) stop() {
	g.end()
	<-g.done
}

// apply brings what was seen into the cache, and says so if readers may see it.
func (f *Follower) apply(cluster string, seen map[string]sighting, ordered bool) {
	c := f.service.cache
	if !ordered {
		c.InvalidateCluster(cluster)
		f.changed(cluster)
		return
	}
	for name, s := range seen {
		s.node.Cluster = cluster
		c.Forget(cache.Key{Cluster: cluster, Kind: kindNode, Name: name})
	}
	changed := cache.Update(c, nodesKey(cluster), func(v Inventory) (Inventory, bool) { return v.with(seen) })
	if changed {
		f.changed(cluster)
	}
}

func nodesKey(cluster string) cache.Key { return cache.Key{Cluster: cluster, Kind: kindNodes} }
