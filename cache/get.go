package cache

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// Get returns the value of key, and loads it if there is none that p allows to
// serve. Readers of one key share one load, which has a context of its own: a
// reader that gives up does not affect the others. Errors are not kept. If a
// refresh in the background fails, the old value stays, with the error in Stale.
func Get[T any](
	ctx context.Context, c *Cache, key Key, p Policy, load func(context.Context) (T, error),
) (Snapshot[T], error) {
	return get(ctx, c, key, p, time.Time{}, load)
}

// Fresh is like Get, but returns only a value whose load began after the call.
func Fresh[T any](
	ctx context.Context, c *Cache, key Key, p Policy, load func(context.Context) (T, error),
) (Snapshot[T], error) {
	return get(ctx, c, key, p, c.now(), load)
}

// Peek returns the value of key if there is one that p allows to serve. It never
// loads or waits.
func Peek[T any](c *Cache, key Key, p Policy) (Snapshot[T], bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.space(key.Cluster).entries[entryKey{key.Kind, key.Name}]
	if !ok || e.asOf.IsZero() || c.now().Sub(e.right()) > max(p.TTL, p.HardAge) {
		return Snapshot[T]{}, false
	}
	return snapshot[T](e), true
}

// get ignores values and loads that began before notBefore.
func get[T any](
	ctx context.Context, c *Cache, key Key, p Policy, notBefore time.Time, load func(context.Context) (T, error),
) (Snapshot[T], error) {
	erased := func(ctx context.Context) (any, error) { return load(ctx) }
	for {
		found, f, began, err := lookup[T](c, key, p, notBefore, erased)
		if err != nil || f == nil {
			return found, err
		}
		select {
		case <-ctx.Done():
			return Snapshot[T]{}, context.Cause(ctx)
		case <-f.done:
		}
		if !c.current(key.Cluster, began) {
			continue // the cluster was cleared meanwhile: discard the value and load again
		}
		if f.err != nil {
			return Snapshot[T]{}, f.err
		}
		return Snapshot[T]{Value: f.value.(T), AsOf: f.began}, nil
	}
}

// lookup returns a value to serve at once, or the flight to wait for and the
// space to which it belongs.
func lookup[T any](
	c *Cache, key Key, p Policy, notBefore time.Time, load func(context.Context) (any, error),
) (Snapshot[T], *flight, *space, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return Snapshot[T]{}, nil, nil, ErrClosed
	}
	s := c.space(key.Cluster)
	name := entryKey{key.Kind, key.Name}
	e, ok := s.entries[name]
	if !ok {
		e = &entry{}
		s.entries[name] = e
	}
	age := c.now().Sub(e.right())
	usable := !e.asOf.IsZero() && !e.asOf.Before(notBefore)
	if usable && age <= p.TTL {
		return snapshot[T](e), nil, nil, nil
	}
	if e.flight == nil || e.flight.began.Before(notBefore) {
		c.launch(s, name, e, p, load)
	}
	if usable && age <= p.HardAge {
		return snapshot[T](e), nil, nil, nil
	}
	return Snapshot[T]{}, e.flight, s, nil
}

// launch starts the load of an entry. c.mu must be held.
func (c *Cache) launch(
	s *space, name entryKey, e *entry, p Policy, load func(context.Context) (any, error),
) {
	f := &flight{began: c.now(), done: make(chan struct{})}
	e.flight = f
	c.loads.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, p.Timeout)
		defer cancel()
		f.value, f.err = guarded(ctx, load)
		c.land(s, name, e, f, p)
	})
}

// guarded calls load and turns a panic into an error: one malformed object from
// a cluster must not end the program.
func guarded(ctx context.Context, load func(context.Context) (any, error)) (value any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("load panicked: %v\n%s", r, debug.Stack())
		}
	}()
	return load(ctx)
}

// land stores the result of a flight and wakes its waiters. If the space was
// replaced meanwhile, nobody can reach the entry, so storing into it is harmless.
func (c *Cache) land(s *space, name entryKey, e *entry, f *flight, p Policy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(f.done)
	if e.flight == f {
		e.flight = nil
	}
	if f.err == nil {
		for _, update := range f.updates {
			f.value = update(f.value)
		}
	}
	switch {
	case f.err != nil && e.asOf.IsZero():
		if e.flight == nil && s.entries[name] == e { // requests for names that do not exist must not fill the memory
			delete(s.entries, name)
		}
	case f.err != nil:
		e.stale = f.err
	case !f.began.Before(e.asOf): // a flight that Fresh began later may have ended first
		e.value, e.asOf, e.stale = f.value, f.began, nil
		s.drop(name.kind, c.now().Add(-max(p.TTL, p.HardAge)))
	}
}

// drop drops the values of a kind that are from before a time, at which they are too old to
// be served: what thousands of names have left must not stay in memory. c.mu must be held.
func (s *space) drop(kind string, before time.Time) {
	for name, e := range s.entries {
		if name.kind == kind && e.flight == nil && e.right().Before(before) {
			delete(s.entries, name)
		}
	}
}

// current reports whether s is still the cluster's space.
func (c *Cache) current(cluster string, s *space) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spaces[cluster] == s
}

// snapshot returns the value of an entry that has one. c.mu must be held.
func snapshot[T any](e *entry) Snapshot[T] {
	return Snapshot[T]{Value: e.value.(T), AsOf: e.right(), Stale: e.stale}
}
