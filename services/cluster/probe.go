package cluster

import (
	"context"
	"sync"
	"time"
)

// How often a cluster is asked that nobody has heard of meanwhile.
const (
	probeOpen  = 30 * time.Second // one that somebody has open
	probeRest  = 5 * time.Minute  // any other
	openFor    = 15 * time.Minute // how long a cluster counts as open
	retryFirst = 10 * time.Second // after a failure; doubled with every further one ...
	retryOpen  = time.Minute      // ... up to this for one that is open, or probeRest
	jitter     = 0.2              // part of a wait that chance adds or takes
	probes     = 4                // at the same time
	probeTick  = time.Second
)

// Look notes that somebody has the cluster open, so that it is asked more often.
func (r *Registry) Look(name string) {
	e, err := r.find(name)
	if err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.looked = r.now()
}

// ProbeSoon has the cluster asked within moments, whatever was heard of it.
func (r *Registry) ProbeSoon(name string) {
	e, err := r.find(name)
	if err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.soon = true
}

// Probe keeps what is known of every cluster true until ctx ends: it asks those
// that no other call has been heard of for a while, a few at a time. answered is
// called after each probe that was.
func (r *Registry) Probe(ctx context.Context, answered func(ctx context.Context, cluster string)) {
	var running sync.WaitGroup
	defer running.Wait()
	free := make(chan struct{}, probes)
	tick := time.NewTicker(probeTick)
	defer tick.Stop()
	for {
		for _, e := range r.order {
			if !e.claim(r.now()) {
				continue
			}
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return
			}
			running.Go(func() {
				defer func() { <-free }()
				r.probe(ctx, e, answered)
			})
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *Registry) probe(ctx context.Context, e *entry, answered func(context.Context, string)) {
	r.check(ctx, e)
	if r.Status(e.Name).Err == nil {
		answered(ctx, e.Name)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.probing = false
	if e.status.Err != nil {
		e.failed++
	}
}

// claim reports whether the cluster is to be asked now, and keeps others from
// asking at the same time.
func (e *entry) claim(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.probing || !e.soon && now.Sub(e.status.At) < e.wait(now) {
		return false
	}
	e.probing, e.soon = true, false
	return true
}

// wait returns the time from the last news to the next probe. e.mu is held.
func (e *entry) wait(now time.Time) time.Duration {
	open := now.Sub(e.looked) < openFor
	wait := probeRest
	if open {
		wait = probeOpen
	}
	if e.status.Err != nil {
		longest := probeRest
		if open {
			longest = retryOpen
		}
		wait = min(longest, retryFirst<<min(e.failed, 8))
	}
	return time.Duration(float64(wait) * e.jitter)
}
