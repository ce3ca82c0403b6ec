package cache

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// Get gives the value of key, loading it when there is none that p allows.
// Readers of one key share one load, which runs on a context of its own: a
// reader that gives up never fails the others. Errors are not kept; a failing
// background refresh leaves the old value, with the error in Stale.
func Get[T any](ctx context.Context, c *Cache, key Key, p Policy, load func(context.Context) (T, error)) (Snapshot[T], error) {
	return get(ctx, c, key, p, time.Time{}, load)
}

// Fresh is Get for a reader who will not have anything that was read before
// the call.
func Fresh[T any](ctx context.Context, c *Cache, key Key, p Policy, load func(context.Context) (T, error)) (Snapshot[T], error) {
	return get(ctx, c, key, p, c.now(), load)
}

// Peek gives the value of key if there is one that p allows to serve. It loads
// nothing and never waits.
func Peek[T any](c *Cache, key Key, p Policy) (Snapshot[T], bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.space(key.Cluster).entries[entryKey{key.Kind, key.Name}]
	if !ok || e.asOf.IsZero() || c.now().Sub(e.asOf) > max(p.TTL, p.HardAge) {
		return Snapshot[T]{}, false
	}
	return snapshot[T](e), true
}

func get[T any](ctx context.Context, c *Cache, key Key, p Policy, notBefore time.Time, load func(context.Context) (T, error)) (Snapshot[T], error) {
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
			continue // the cluster was cleared meanwhile: what was loaded reaches nobody
		}
		if f.err != nil {
			return Snapshot[T]{}, f.err
		}
		return Snapshot[T]{Value: f.value.(T), AsOf: f.began}, nil
	}
}

// lookup gives a value to serve at once, or the flight to wait for and the
// space that it belongs to.
func lookup[T any](c *Cache, key Key, p Policy, notBefore time.Time, load func(context.Context) (any, error)) (Snapshot[T], *flight, *space, error) {
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
	age := c.now().Sub(e.asOf)
	usable := !e.asOf.IsZero() && !e.asOf.Before(notBefore)
	if usable && age <= p.TTL {
		return snapshot[T](e), nil, nil, nil
	}
	if e.flight == nil || e.flight.began.Before(notBefore) {
		c.launch(s, name, e, p.Timeout, load)
	}
	if usable && age <= p.HardAge {
		return snapshot[T](e), nil, nil, nil
	}
	return Snapshot[T]{}, e.flight, s, nil
}

// launch starts the load of an entry. c.mu is held.
func (c *Cache) launch(s *space, name entryKey, e *entry, timeout time.Duration, load func(context.Context) (any, error)) {
	f := &flight{began: c.now(), done: make(chan struct{})}
	e.flight = f
	c.loads.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, timeout)
		defer cancel()
		f.value, f.err = guarded(ctx, load)
		c.land(s, name, e, f)
	})
}

// guarded runs a loader and turns its panic into an error: one bad object from
// a cluster must not end the program.
func guarded(ctx context.Context, load func(context.Context) (any, error)) (value any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("load panicked: %v\n%s", r, debug.Stack())
		}
	}()
	return load(ctx)
}

// land stores what a flight brought and wakes its waiters. An entry of a space
// that was cleared is no longer reachable, so storing into it is harmless.
func (c *Cache) land(s *space, name entryKey, e *entry, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(f.done)
	if e.flight == f {
		e.flight = nil
	}
	switch {
	case f.err != nil && e.asOf.IsZero():
		if e.flight == nil && s.entries[name] == e { // names of nothing must not fill the memory
			delete(s.entries, name)
		}
	case f.err != nil:
		e.stale = f.err
	case !f.began.Before(e.asOf): // a Fresh flight may have overtaken this one
		e.value, e.asOf, e.stale = f.value, f.began, nil
	}
}

// current reports whether s is still the cluster's space.
func (c *Cache) current(cluster string, s *space) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spaces[cluster] == s
}

// snapshot reads an entry that holds a value. c.mu is held.
func snapshot[T any](e *entry) Snapshot[T] {
	return Snapshot[T]{Value: e.value.(T), AsOf: e.asOf, Stale: e.stale}
}
