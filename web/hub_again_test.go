package web

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
)

// away is a batchViewer whose database cannot be read for a while.
type away struct {
	*oneBatch
	failures atomic.Int32 // that are still to come
}

func (a *away) View(ctx context.Context, id string) (batch.View, error) {
	if a.failures.Add(-1) >= 0 {
		return batch.View{}, services.NewError(services.CodeUnavailable, "error_database_unreachable")
	}
	return a.oneBatch.View(ctx, id)
}

// Law 6: the end of a batch is told, also if the database could not be read when it ended.
func TestHub_endIsToldWhenTheDatabaseIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		batches := &away{oneBatch: &oneBatch{state: store.StateRunning, owner: 1}}
		x := newTestHub(t, batches)
		defer x.close()
		x.actor.ID = 1
		follows, told := &page{}, &page{}
		done := x.open("batch=b1", follows)
		x.open("mine=1", told)
		batches.end()
		batches.failures.Store(7)
		x.BatchEnded("prod", "b1", "cordon", store.StateSucceeded, batch.Counts{})
		synctest.Wait()
		require.Equal(t, []string{"progress"}, follows.events())
		time.Sleep(10 * againAfter)
		done.Wait()
		require.Equal(t, []string{"progress", "done"}, follows.events())
		require.Contains(t, told.events(), "told")
	})
}
