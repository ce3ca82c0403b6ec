package cache

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
		e.flight.updates = append(e.flight.updates, func(old any) any {
			value, _ := updated(old.(T), fn)
			return value
		})
	}
	if !e.asOf.IsZero() {
		value, differs := updated(e.value.(T), fn)
		e.value, changed = value, changed || differs
	}
	if changed {
		s.generation++
	}
	return changed
}

// updated returns what fn makes of a value, and whether that differs from it.
func updated[T any](old T, fn func(T) (T, bool)) (T, bool) {
	value, changed := fn(old)
	if !changed {
		return old, false
	}
	return value, true
}

// Forget drops the value of a key. Loads in progress serve those who wait for them, and
// nobody else.
func (c *Cache) Forget(key Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.space(key.Cluster).entries, entryKey{key.Kind, key.Name})
}
