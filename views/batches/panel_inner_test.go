package batches

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
)

func TestBarParts_fillTheBar(t *testing.T) {
	v := batch.View{
		Batch:  batch.Batch{Total: 7, State: store.StatePartial},
		Counts: batch.Counts{Succeeded: 3, Unchanged: 2, Failed: 1, Cancelled: 1},
	}
	parts := barParts(v)
	require.Len(t, parts, 4)
	last := parts[len(parts)-1]
	require.Equal(t, 1000, last.X+last.Width)
	require.Empty(t, barParts(batch.View{}))
}

func TestMilestone(t *testing.T) {
	v := batch.View{Batch: batch.Batch{Total: 200, State: store.StateRunning}}
	for done, want := range map[int]int{0: 0, 49: 0, 50: 25, 100: 50, 199: 75, 200: 75} {
		v.Counts = batch.Counts{Succeeded: done, Pending: 200 - done}
		require.Equal(t, want, milestone(v), done)
	}
	v.State = store.StateSucceeded
	require.Equal(t, 100, milestone(v))
}
