package kube

import (
	"context"
	"math"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// NewBackoff returns a back-off with jitter. The longest possible wait is first, then
// twice as long after each step, up to most. A wait is at least half of that; the
// rest is random, so that calls that were refused together are not repeated together.
func NewBackoff(first, most time.Duration) wait.Backoff {
	return wait.Backoff{Duration: first / 2, Factor: 2, Jitter: 1, Steps: math.MaxInt, Cap: most / 2}
}

// Sleep waits for d. If ctx ends first, it returns the cause.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
