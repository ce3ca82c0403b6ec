// Package cache is a TTL cache with a fence for each cluster.
//
// It holds a few large values per cluster (the node list, node details, pod
// totals) and guarantees one thing that general caches do not: once a cluster is
// cleared, a load that began before that never serves a reader and is never
// stored. This fence is structural. Every cluster has a space, and clearing the
// cluster replaces its space with an empty one of the next generation. A load
// belongs to the space in which it began. If that space has been replaced when
// the load ends, its value is discarded and its waiters load again.
//
// The package does not depend on Kubernetes: callers pass in the load functions.
// Values are shared between readers and must never be changed.
package cache

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Policy defines how long a value may be served.
type Policy struct {
	// TTL is the age up to which a value is served without a refresh.
	TTL time.Duration
	// HardAge is the age up to which an older value is served at once while one
	// refresh runs in the background. Beyond it, readers wait for the load.
	HardAge time.Duration
	// Timeout bounds one load.
	Timeout time.Duration
}

// Key identifies one value of a cluster.
type Key struct {
	Cluster string
	Kind    string // such as "nodes" or "node"
	Name    string // unique within the kind; "" if the kind has only one value
}

// Snapshot is a value, its age, and whether the last refresh failed.
type Snapshot[T any] struct {
	Value T
	AsOf  time.Time // when the load of the value began, or when it was confirmed since
	Stale error     // why the last refresh failed; nil if it did not
}

// ErrClosed is the error of all reads after Close.
var ErrClosed = errors.New("cache is closed")

// Cache holds the spaces of all clusters. It is safe for concurrent use.
type Cache struct {
	now    func() time.Time
	ctx    context.Context // parent of every load's context; Close cancels it
	cancel context.CancelFunc
	loads  sync.WaitGroup

	first uint64 // generation of a cluster that was never cleared

	mu     sync.Mutex
	closed bool
	spaces map[string]*space
}

// space holds the values of one cluster since it was last cleared.
type space struct {
	generation uint64
	ctx        context.Context // parent of its loads' contexts; clearing cancels it
	cancel     context.CancelFunc
	entries    map[entryKey]*entry
}

type entryKey struct{ kind, name string }

// entry is one value and the flight that is loading it anew.
type entry struct {
	value     any
	asOf      time.Time // when its load began; zero until a value is stored
	confirmed time.Time // see Confirm
	stale     error
	flight    *flight
}

// right returns when the value was right, as far as is known.
func (e *entry) right() time.Time {
	if e.confirmed.After(e.asOf) {
		return e.confirmed
	}
	return e.asOf
}

// flight is one running load. Its fields are final once done is closed.
type flight struct {
	began time.Time
	done  chan struct{}
	value any
	err   error
	// updates change the value when it has been loaded; see Update. The lock of the
	// cache guards them.
	updates []func(any) any
}

// New returns an empty cache. The contexts of its loads carry the values of ctx,
// but only Close cancels them.
func New(ctx context.Context) *Cache {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	// Counting starts at the current time: an open page may still hold a
	// generation of an earlier process, which must not equal one of ours.
	first := uint64(time.Now().UnixMicro())
	return &Cache{now: time.Now, ctx: ctx, cancel: cancel, first: first, spaces: map[string]*space{}}
}

// Close cancels all loads and waits for them. Later reads fail with ErrClosed.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.loads.Wait()
}

// InvalidateCluster drops all values of a cluster, in constant time, and raises
// its generation. It cancels the loads in progress; their waiters wait for new
// loads instead.
func (c *Cache) InvalidateCluster(cluster string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.space(cluster)
	c.spaces[cluster] = c.newSpace(old.generation + 1)
	old.cancel()
}

// Generation returns a number that InvalidateCluster and Update raise, so that equal
// numbers mean that the values of the cluster have not been cleared or changed in between. Each process
// starts at a higher number than the ones before it.
func (c *Cache) Generation(cluster string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.space(cluster).generation
}

// space returns the cluster's current space. c.mu must be held.
func (c *Cache) space(cluster string) *space {
	s, ok := c.spaces[cluster]
	if !ok {
		s = c.newSpace(c.first)
		c.spaces[cluster] = s
	}
	return s
}

func (c *Cache) newSpace(generation uint64) *space {
	ctx, cancel := context.WithCancel(c.ctx)
	return &space{generation: generation, ctx: ctx, cancel: cancel, entries: map[entryKey]*entry{}}
}
