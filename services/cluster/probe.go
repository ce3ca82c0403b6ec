package cluster

import (
	"context"
	"sync"
	"time"
)

// The time after which Probe asks a cluster, if no other call has reached it meanwhile.
const (
	probeOpen  = 30 * time.Second // a cluster that somebody has open
	probeRest  = 5 * time.Minute  // any other cluster
	openFor    = 15 * time.Minute // how long a cluster counts as open after Look
	retryFirst = 10 * time.Second // after a failure; doubled with each further one ...
	retryOpen  = time.Minute      // ... up to this for an open cluster, or to probeRest
	jitter     = 0.2              // the part of a wait that is random, in both directions
)

const (
	maxProbes = 4           // at the same time
	probeTick = time.Second // how often Probe looks for clusters that are due
)

// Look notes that somebody has the cluster open, so that it is probed more often.
func (r *Registry) Look(name string) {
	e, err := r.find(name)
	if err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.looked = r.now()
}

// ProbeSoon makes Probe ask the cluster at its next look, even if it was just asked.
func (r *Registry) ProbeSoon(name string) {
	e, err := r.find(name)
	if err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.soon = true
}

// Probe keeps the status of every cluster up to date until ctx ends. It asks the
// clusters that no other call has reached for some time, a few at the same time.
// It calls reachable after each probe that was answered.
func (r *Registry) Probe(ctx context.Context, reachable func(ctx context.Context, cluster string)) {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, maxProbes)
	tick := time.NewTicker(probeTick)
	defer tick.Stop()
	for {
		for _, e := range r.entries() {
			if !e.claim(r.now()) {
				continue
			}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			running.Go(func() {
				defer func() { <-slots }()
				r.probe(ctx, e, reachable)
			})
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *Registry) probe(ctx context.Context, e *entry, reachable func(context.Context, string)) {
	r.check(ctx, e)
	if r.Status(e.Name).Err == nil {
		reachable(ctx, e.Name)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.probing = false
	if e.status.Err != nil {
		e.failed++
	}
}

// claim reports whether the cluster is due for a probe. If it is, it marks the cluster
// as being probed.
func (e *entry) claim(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.Disabled || e.probing || !e.soon && now.Sub(e.status.At) < e.wait(now) {
		return false
	}
	e.probing, e.soon = true, false
	return true
}

// wait returns the time from the last status to the next probe. The caller holds e.mu.
func (e *link) wait(now time.Time) time.Duration {
	wait, longest := probeRest, probeRest
	if now.Sub(e.looked) < openFor {
		wait, longest = probeOpen, retryOpen
	}
	if e.status.Err != nil {
		wait = min(longest, retryFirst<<min(e.failed, 8))
	}
	return time.Duration(float64(wait) * e.jitter)
}
