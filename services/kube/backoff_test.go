package kube

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNewBackoff_growsWithJitterAndEnds(t *testing.T) {
	wait := NewBackoff(time.Second, 30*time.Second)
	for tries := range 40 {
		d := wait.Step()
		most := min(30*time.Second, time.Second<<min(tries, 10))
		require.GreaterOrEqual(t, d, most/2)
		require.LessOrEqual(t, d, most)
	}
}

func TestSleep_endsWithItsContext(t *testing.T) {
	require.NoError(t, Sleep(t.Context(), time.Nanosecond))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, Sleep(ctx, time.Hour), context.Canceled)
}
