package kube

import (
	"context"
	"sync"
	"time"
)

// Limits of the number of concurrent calls. One HTTP/2 connection carries up to a
// hundred; sixteen keep a plain API server busy.
const (
	startLimit = 16
	minLimit   = 2
	maxLimit   = 64
)

// Limiter limits the concurrent calls that change one cluster, and adapts the
// limit to what the server can take: it grows step by step while the server
// answers as fast as with few calls, shrinks when answers slow down, and halves
// when the server says that it is too busy. It is safe for concurrent use.
type Limiter struct {
	mu       sync.Mutex
	limit    int
	inUse    int
	waiters  []chan struct{}
	holdTill time.Time // the server asked not to be called before then

	calls  int           // since the last adjustment
	sum    time.Duration // of the latencies of these calls
	best   time.Duration // the lowest mean latency, raised a little at each adjustment
	halved time.Time     // when the limit was last halved
	now    func() time.Time
}

// NewLimiter returns a limiter with the initial limit.
func NewLimiter() *Limiter { return &Limiter{limit: startLimit, now: time.Now} }

// Acquire waits until another call may start. It fails only if ctx ends. After
// the call the caller must call Release.
func (l *Limiter) Acquire(ctx context.Context) error {
	for {
		wait, ready := l.try()
		if ready {
			return nil
		}
		if err := l.wait(ctx, wait); err != nil {
			return err
		}
	}
}

// try takes a slot if it can. Otherwise it returns how long to wait before the
// next try; 0 means until a slot is free.
func (l *Limiter) try() (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	hold := l.holdTill.Sub(l.now())
	if hold > 0 {
		return hold, false
	}
	if l.inUse < l.limit {
		l.inUse++
		return 0, true
	}
	return 0, false
}

// wait waits for d, or until a slot is free if d is 0.
func (l *Limiter) wait(ctx context.Context, d time.Duration) error {
	if d > 0 {
		return Sleep(ctx, d)
	}
	ready := make(chan struct{})
	if !l.enqueue(ready) {
		return nil
	}
	select {
	case <-ctx.Done():
		l.abandon(ready)
		return context.Cause(ctx)
	case <-ready:
		return nil
	}
}

// enqueue adds a waiter, unless a slot has become free meanwhile.
func (l *Limiter) enqueue(ready chan struct{}) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inUse < l.limit {
		return false
	}
	l.waiters = append(l.waiters, ready)
	return true
}

// abandon removes a waiter. If it has been woken meanwhile, another one is woken
// in its place.
func (l *Limiter) abandon(ready chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, w := range l.waiters {
		if w == ready {
			l.waiters = append(l.waiters[:i], l.waiters[i+1:]...)
			return
		}
	}
	l.wake()
}

// Release frees the slot of a call that has ended. latency is how long the call
// took, and f is the fault of its error.
func (l *Limiter) Release(latency time.Duration, f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inUse--
	if f.Throttled {
		l.backOff(f.After)
	} else {
		l.observe(latency)
	}
	l.wake()
}

// Limit returns the current limit.
func (l *Limiter) Limit() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limit
}

// wake wakes one waiter for each free slot. l.mu must be held.
func (l *Limiter) wake() {
	for free := l.limit - l.inUse; free > 0 && len(l.waiters) > 0; free-- {
		close(l.waiters[0])
		l.waiters = l.waiters[1:]
	}
}

// backOff halves the limit, at most once a second: calls that the server refused
// together count once. l.mu must be held.
func (l *Limiter) backOff(after time.Duration) {
	now := l.now()
	if now.Sub(l.halved) > time.Second {
		l.limit = max(minLimit, l.limit/2)
		l.halved = now
		l.calls, l.sum = 0, 0
	}
	till := now.Add(after)
	if till.After(l.holdTill) {
		l.holdTill = till
	}
}

// observe adjusts the limit by the mean latency of calls, once in every 2*limit
// calls. More concurrent calls are of use only while they do not wait for each
// other: twice the best latency means that they queue in the server. l.mu must be
// held.
func (l *Limiter) observe(latency time.Duration) {
	l.calls++
	l.sum += latency
	if l.calls < 2*l.limit {
		return
	}
	mean := l.sum / time.Duration(l.calls)
	l.calls, l.sum = 0, 0
	if l.best == 0 || mean < l.best {
		l.best = mean
	}
	switch {
	case mean > 2*l.best && l.limit > startLimit:
		l.limit = max(startLimit, l.limit*3/4)
	case mean <= l.best*3/2:
		l.limit = min(maxLimit, l.limit+4)
	}
	l.best += l.best / 50 // so that a server that stays slower is accepted in time
}
