package kube

import (
	"context"
	"sync"
	"time"
)

// Bounds of the number of calls at once. Below the hundred streams of one
// HTTP/2 connection there is no need for a second one; sixteen keep a plain
// API server busy.
const (
	startLimit = 16
	minLimit   = 2
	maxLimit   = 64
)

// Limiter bounds the calls that change one cluster and adapts the bound to what
// the server can take: it grows step by step while the server answers as fast
// as it did with few calls, shrinks when answers slow down, and halves when the
// server says that it is too busy.
type Limiter struct {
	mu       sync.Mutex
	limit    int
	inUse    int
	waiters  []chan struct{}
	holdTill time.Time // the server asked for silence until then

	calls  int           // since the last adjustment
	sum    time.Duration // of their latencies
	best   time.Duration // the lowest mean latency seen, slowly forgotten
	halved time.Time
	now    func() time.Time
}

// NewLimiter returns a limiter with its starting bound.
func NewLimiter() *Limiter { return &Limiter{limit: startLimit, now: time.Now} }

// Acquire waits for a place. An error is that of ctx.
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

// try takes a place, or says how long to wait for one; 0 is until one is free.
func (l *Limiter) try() (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if hold := l.holdTill.Sub(l.now()); hold > 0 {
		return hold, false
	}
	if l.inUse < l.limit {
		l.inUse++
		return 0, true
	}
	return 0, false
}

func (l *Limiter) wait(ctx context.Context, d time.Duration) error {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
			return nil
		}
	}
	ready := make(chan struct{})
	l.mu.Lock()
	if l.inUse < l.limit {
		l.mu.Unlock()
		return nil
	}
	l.waiters = append(l.waiters, ready)
	l.mu.Unlock()
	select {
	case <-ctx.Done():
		l.abandon(ready)
		return context.Cause(ctx)
	case <-ready:
		return nil
	}
}

// abandon forgets a waiter; when it was woken meanwhile the next one is.
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

// Release gives a place back with what its call saw: how long it took and what
// its error means.
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

// Limit gives the present bound.
func (l *Limiter) Limit() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limit
}

// wake lets waiters try again for every free place. l.mu is held.
func (l *Limiter) wake() {
	for free := l.limit - l.inUse; free > 0 && len(l.waiters) > 0; free-- {
		close(l.waiters[0])
		l.waiters = l.waiters[1:]
	}
}

// backOff halves the bound, once for all calls that were refused together.
func (l *Limiter) backOff(after time.Duration) {
	now := l.now()
	if now.Sub(l.halved) > time.Second {
		l.limit = max(minLimit, l.limit/2)
		l.halved = now
		l.calls, l.sum = 0, 0
	}
	if till := now.Add(after); till.After(l.holdTill) {
		l.holdTill = till
	}
}

// observe adjusts the bound after every round of calls by their mean latency.
// More calls at once are worth it only while they do not wait for each other:
// twice the best latency means that they queue in the server.
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
	l.best += l.best / 50 // a server that got slower for good is the new normal
}
