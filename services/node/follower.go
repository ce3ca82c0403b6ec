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
	// confirmEvery is how often a cluster is asked whether it is still there. A watch does
	// not say so while nothing changes, and a connection may be lost without a word.
	confirmEvery  = 5 * time.Second
	confirmWithin = 5 * time.Second
	// mostFollowed is how many clusters are followed at once. Others are as old as their
	// lists may be.
	mostFollowed = 100
	// The wait after a failure, which doubles with each further one.
	followAgain   = time.Second
	followLongest = 30 * time.Second
)

// Viewers are told what a Follower sees. Its methods must not block.
type Viewers interface {
	// NodesChanged is called when readers of a cluster may see a change.
	NodesChanged(cluster string)
	// NodesConfirmed is called when the nodes that readers see were right at a time.
	NodesConfirmed(cluster string, at time.Time)
}

// Follower keeps the cached nodes of the clusters that somebody looks at up to date, with
// one watch for each of them. It is safe for concurrent use.
//
// The cache and its fence stay the only source of what readers get: what the watch sees
// changes a cached list if it is newer than that, and never a list that was cleared.
type Follower struct {
	service *Service
	log     *slog.Logger
	viewers Viewers

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	// Those of the constants, but in tests.
	lookFor, usageEvery, confirmEvery time.Duration

	mu       sync.Mutex
	closed   bool
	followed map[string]*time.Timer // by cluster; it fires when nobody looks any more
	active   int                    // of those that are followed now
}

// NewFollower returns a follower that follows nothing yet. The caller must call Close.
func NewFollower(ctx context.Context, s *Service, log *slog.Logger, viewers Viewers) *Follower {
	f := &Follower{
		service: s, log: log, viewers: viewers, followed: map[string]*time.Timer{},
		lookFor: lookFor, usageEvery: usageEvery, confirmEvery: confirmEvery,
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
	if f.active >= mostFollowed {
		return
	}
	f.active++
	ctx, cancel := context.WithCancel(f.ctx)
	f.followed[cluster] = time.AfterFunc(f.lookFor, cancel)
	f.running.Go(func() {
		defer f.leave()
		defer cancel()
		f.follow(ctx, cluster)
	})
	f.running.Go(func() { f.followPods(ctx, cluster) })
}

// leave makes room for another cluster.
func (f *Follower) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active--
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
		forbidden := services.CodeOf(err) == services.CodeForbidden
		if forbidden {
			pause = pollEvery
		}
		f.service.notePolled(cluster, forbidden)
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
	f.viewers.NodesConfirmed(cluster, now.AsOf)
	if known && !before.looksLike(now) {
		// The list is in the cache already. The generation says so to pages that were made
		// before it and open their stream after this.
		cache.Update(f.service.cache, nodesKey(cluster), func(v Inventory) (Inventory, bool) { return v, true })
		f.viewers.NodesChanged(cluster)
	}
	client, err := f.service.clients.Client(cluster)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f.running.Go(func() { cancel(f.confirm(ctx, cluster, client)) })
	g := f.gather(ctx, cluster, kube.HasOrder(now.version))
	defer g.stop()
	return client.FollowNodes(ctx, "", now.version, g.add)
}

// confirm asks the cluster again and again whether it is there. Each answer confirms what
// the watch has seen, as both use the same connection. It returns an error when there is
// no answer, or ctx ends.
func (f *Follower) confirm(ctx context.Context, cluster string, client *kube.Client) error {
	for {
		if err := kube.Sleep(ctx, f.confirmEvery); err != nil {
			return err
		}
		began := time.Now()
		if err := answers(ctx, client); err != nil {
			return err
		}
		f.service.cache.Confirm(nodesKey(cluster), began)
		f.viewers.NodesConfirmed(cluster, began)
	}
}

// answers returns an error if there is no answer from a cluster.
func answers(ctx context.Context, client *kube.Client) error {
	ctx, cancel := context.WithTimeout(ctx, confirmWithin)
	defer cancel()
	_, err := client.Version(ctx)
	if code := services.CodeOf(err); code == services.CodeUnavailable || code == services.CodeTimeout || ctx.Err() != nil {
		return err
	}
	return nil // a refusal is an answer, too
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
		f.viewers.NodesChanged(cluster)
		return
	}
	for name, s := range seen {
		s.node.Cluster = cluster
		c.Forget(cache.Key{Cluster: cluster, Kind: kindNode, Name: name})
	}
	changed := cache.Update(c, nodesKey(cluster), func(v Inventory) (Inventory, bool) { return v.with(seen) })
	if changed {
		f.viewers.NodesChanged(cluster)
	}
}

func nodesKey(cluster string) cache.Key { return cache.Key{Cluster: cluster, Kind: kindNodes} }
