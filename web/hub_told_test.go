package web

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services/batch"
	"kube-node-manager/services/store"
)

// Whoever has started a batch is told of its end and of what waits for them, and nobody else;
// a page that connects again is told what it has missed.
func TestHub_tellsTheOwner(t *testing.T) {
	testHub(t, func(t *hubTest) {
		t.batch.owner, t.actor.ID = 7, 7
		mine, other, theirs := &page{}, &page{}, &page{}
		t.open("mine=1", mine)
		t.open("cluster=prod", other)
		t.actor.ID = 8
		t.open("mine=1", theirs)
		t.BatchChanged("prod", "b1")
		time.Sleep(time.Second)
		require.Empty(t, mine.events(), "it runs")

		t.batch.ask()
		t.BatchChanged("prod", "b1")
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, []string{"told"}, mine.events())
		t.batch.end()
		t.BatchEnded("prod", "b1", "cordon", store.StateSucceeded, batch.Counts{})
		synctest.Wait()
		require.Equal(t, []string{"told", "told"}, mine.events())
		require.Contains(t, mine.got.String(), `data-told="b1 gate 0"`)
		require.Contains(t, mine.got.String(), `data-told="b1 succeeded 0"`)
		require.Contains(t, mine.got.String(), "/batches/b1")
		require.Empty(t, other.events())
		require.Empty(t, theirs.events())

		t.actor.ID = 7
		missed, known := &page{}, &page{}
		t.open("mine=1&since="+toldAt.Add(-time.Minute).Format(time.RFC3339), missed)
		t.open("mine=1&since="+toldAt.Add(time.Minute).Format(time.RFC3339), known)
		require.Equal(t, []string{"told"}, missed.events())
		require.Empty(t, known.events())
	})
}

// ask makes the batch wait for a person between two waves.
func (b *oneBatch) ask() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gate = &batch.Gate{Canary: true}
}
