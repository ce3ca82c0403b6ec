package kube

import (
	"context"
	"math"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// NewBackoff returns growing waits with jitter: the first is at most first, each
// later one at most twice the one before, up to most. Half of every wait is chance,
// so that calls that were refused together do not come back together.
func NewBackoff(first, most time.Duration) wait.Backoff {
	return wait.Backoff{Duration: first / 2, Factor: 2, Jitter: 1, Steps: math.MaxInt, Cap: most / 2}
}

// Sleep waits for d. It returns the context's error when that ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
