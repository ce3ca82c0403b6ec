package kube

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// round acquires every slot of the limiter and releases it with the given result.
func round(t *testing.T, l *Limiter, latency time.Duration, f Fault) {
	t.Helper()
	n := l.Limit()
	for range n {
		require.NoError(t, l.Acquire(t.Context()))
	}
	for range n {
		l.Release(latency, f)
	}
}

func TestLimiter_growsWhileTheServerKeepsUp(t *testing.T) {
	l := NewLimiter()
	require.Equal(t, 16, l.Limit())
	for range 60 {
		round(t, l, 10*time.Millisecond, Fault{})
	}
	require.Equal(t, maxLimit, l.Limit())
}

func TestLimiter_shrinksWhenCallsQueueInTheServer(t *testing.T) {
	l := NewLimiter()
	for range 20 {
		round(t, l, 10*time.Millisecond, Fault{})
	}
	grown := l.Limit()
	require.Greater(t, grown, 16)
	for range 4 {
		round(t, l, 40*time.Millisecond, Fault{})
	}
	require.Less(t, l.Limit(), grown)
	require.GreaterOrEqual(t, l.Limit(), startLimit)
}

func TestLimiter_halvesOnceForCallsRefusedTogetherAndWaitsAsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		round(t, l, time.Millisecond, Fault{Throttled: true, After: 3 * time.Second})
		require.Equal(t, 8, l.Limit())
		began := time.Now()
		require.NoError(t, l.Acquire(t.Context()))
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}

func TestLimiter_neverGoesBelowItsMinimum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		for range 10 {
			round(t, l, time.Millisecond, Fault{Throttled: true})
			time.Sleep(2 * time.Second)
		}
		require.Equal(t, minLimit, l.Limit())
	})
}

func TestLimiter_waiterGetsTheNextFreePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		for range l.Limit() {
			require.NoError(t, l.Acquire(t.Context()))
		}
		got := make(chan error, 1)
		go func() { got <- l.Acquire(t.Context()) }()
		synctest.Wait()
		require.Empty(t, got)
		l.Release(time.Millisecond, Fault{})
		require.NoError(t, <-got)
	})
}

func TestLimiter_waiterWhoLeavesPassesItsPlaceOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		for range l.Limit() {
			require.NoError(t, l.Acquire(t.Context()))
		}
		leaving, leave := context.WithCancel(t.Context())
		left, got := make(chan error, 1), make(chan error, 1)
		go func() { left <- l.Acquire(leaving) }()
		synctest.Wait()
		go func() { got <- l.Acquire(t.Context()) }()
		synctest.Wait()
		leave()
		require.ErrorIs(t, <-left, context.Canceled)
		l.Release(time.Millisecond, Fault{})
		require.NoError(t, <-got)
	})
}
