package cache

import "time"

// Update changes the value of key by fn, which returns the new value, or false if
// nothing is to change. A load in progress gets the change when it ends: it may have
// read the cluster before that which fn knows of. Loads that begin later are not
// changed. fn may be called several times, while the cache is locked: it must not
// block, panic or change its argument.
//
// Update reports whether readers may see a difference. If so, it raises the
// generation of the cluster, but clears nothing.
func Update[T any](c *Cache, key Key, fn func(T) (T, bool)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.space(key.Cluster)
	e, ok := s.entries[entryKey{key.Kind, key.Name}]
	if !ok {
		return false
	}
	changed := e.flight != nil
	if e.flight != nil {
		e.flight.updates = append(e.flight.updates, func(old any) any { return updated(old, fn) })
	}
	if !e.asOf.IsZero() {
		value, differs := fn(e.value.(T))
		if differs {
			e.value, changed = value, true
		}
	}
	if changed {
		s.generation++
	}
	return changed
}

// updated returns a value after fn.
func updated[T any](old any, fn func(T) (T, bool)) any {
	value, changed := fn(old.(T))
	if !changed {
		return old
	}
	return value
}

// Confirm records that the value of a key, with its updates, was right at a time. Its age
// counts from then on. For readers who want it Fresh it is as old as its load.
func (c *Cache) Confirm(key Key, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.space(key.Cluster).entries[entryKey{key.Kind, key.Name}]
	if !ok || e.asOf.IsZero() || at.Before(e.right()) {
		return
	}
	e.confirmed, e.stale = at, nil
}

// Forget drops the value of a key. Loads in progress serve those who wait for them, and
// nobody else.
func (c *Cache) Forget(key Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.space(key.Cluster).entries, entryKey{key.Kind, key.Name})
}
