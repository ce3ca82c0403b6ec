// Package cache is the fenced per-cluster TTL cache.
//
// It keeps a few big values per cluster (the node list, node details, pod
// sums) and guarantees one thing that general caches do not: a load that began
// before a clearing never serves a reader and is never stored after it. The
// fence is structural. Every cluster has a space, and a clearing replaces the
// space by an empty one of the next generation. A load belongs to the space in
// which it began; when it ends and its space is no longer the cluster's, its
// value reaches nobody and its waiters load again.
//
// The package knows nothing of Kubernetes: loaders are handed in. Values are
// shared between readers and must never be changed.
package cache

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Policy says how long a value may be served.
type Policy struct {
	// TTL is the age up to which a value is served as it is.
	TTL time.Duration
	// HardAge is the age up to which an older value is served at once while one
	// refresh runs in the background. Beyond it readers wait for the load.
	HardAge time.Duration
	// Timeout bounds one load.
	Timeout time.Duration
}

// Key names one value of a cluster.
type Key struct {
	Cluster string
	Kind    string // "nodes", "node", ...
	Name    string // within the kind; "" for the only one
}

// Snapshot is a value with its age and health.
type Snapshot[T any] struct {
	Value T
	AsOf  time.Time // when the load that gave the value began
	Stale error     // why the last refresh failed; nil when it did not
}

// ErrClosed is what readers get after Close.
var ErrClosed = errors.New("cache is closed")

// Cache holds the spaces of all clusters. Its methods may be called from any
// goroutine.
type Cache struct {
	now    func() time.Time
	ctx    context.Context // of every load; ends with Close
	cancel context.CancelFunc
	loads  sync.WaitGroup

	first uint64 // generation of a cluster that was never cleared

	mu     sync.Mutex
	closed bool
	spaces map[string]*space
}

// space is what the cache knows of one cluster since the last clearing.
type space struct {
	generation uint64
	ctx        context.Context // of the space's loads; ends with its clearing
	cancel     context.CancelFunc
	entries    map[entryKey]*entry
}

type entryKey struct{ kind, name string }

// entry is one value and the flight that is renewing it.
type entry struct {
	value  any
	asOf   time.Time // zero while nothing was stored
	stale  error
	flight *flight
}

// flight is one running load. Its fields are final once done is closed.
type flight struct {
	began time.Time
	done  chan struct{}
	value any
	err   error
}

// New returns an empty cache. Its loads run on contexts that carry the values
// of ctx and end with Close.
func New(ctx context.Context) *Cache {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	// Generations go on from the time, so that those of another process, which a
	// page may still hold, are never mistaken for ours.
	first := uint64(time.Now().UnixMicro())
	return &Cache{now: time.Now, ctx: ctx, cancel: cancel, first: first, spaces: map[string]*space{}}
}

// Close ends every load and waits for them. Later reads fail with ErrClosed.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.loads.Wait()
}

// InvalidateCluster drops everything known of a cluster, in constant time, and
// raises its generation. Loads that are under way are called off: whoever waits
// for one of them waits for a new one.
func (c *Cache) InvalidateCluster(cluster string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.space(cluster)
	c.spaces[cluster] = c.newSpace(old.generation + 1)
	old.cancel()
}

// Generation names the state of a cluster's cache between two clearings; it
// grows with each. No two processes give the same.
func (c *Cache) Generation(cluster string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.space(cluster).generation
}

// space gives the cluster's current space. c.mu is held.
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
