package store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What a drain notes of an item and its end may be stored together: the end counts.
func TestLatest(t *testing.T) {
	got := latest([]Item{{Seq: 1, State: ItemRunning}, {Seq: 2, State: ItemRunning}, {Seq: 1, State: ItemSucceeded}})
	require.Equal(t, []Item{{Seq: 2, State: ItemRunning}, {Seq: 1, State: ItemSucceeded}}, got)
}
