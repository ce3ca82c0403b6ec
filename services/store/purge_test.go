package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kube-node-manager/services"
)

func TestPurge_entries(t *testing.T) {
	s := openAudit(t)
	for i := range 10 {
		require.NoError(t, s.Note(t.Context(), Entry{At: auditClock.AddDate(0, 0, -i), Action: ActionLogin}))
	}
	gone, err := s.Purge(t.Context(), Retention{Audit: auditClock.AddDate(0, 0, -6), At: auditClock})
	require.NoError(t, err)
	require.Equal(t, Purged{Entries: 3}, gone)
	require.Len(t, entries(t, s), 8)
	require.Equal(t, Entry{
		Action: ActionRetention, Result: ResultOK,
		After: json.RawMessage(`{"batches":0,"entries":3,"entriesBefore":"2026-11-17T04:05:06Z"}`),
	}, last(t, s))
	gone, err = s.Purge(t.Context(), Retention{Audit: auditClock.AddDate(0, 0, -6), At: auditClock})
	require.NoError(t, err)
	require.False(t, gone.Any())
	require.NoError(t, s.Note(t.Context(), Entry{Action: ActionLogin}))
	require.EqualValues(t, 12, entries(t, s)[8].ID, "an id is used again")

	gone, err = s.Purge(t.Context(), Retention{At: auditClock})
	require.NoError(t, err)
	require.False(t, gone.Any(), "the zero time keeps everything")
}

func TestPurge_deletesALimitedNumber(t *testing.T) {
	s := openAudit(t)
	require.NoError(t, s.write(t.Context(), func(tx *sql.Tx) error {
		for range purgeEntries + 1 {
			if err := s.note(t.Context(), tx, Entry{At: auditClock, Action: ActionLogin}); err != nil {
				return err
			}
		}
		return nil
	}))
	keep := Retention{Audit: auditClock.Add(time.Second), At: auditClock.Add(time.Hour)}
	for _, want := range []int{purgeEntries, 1, 0} {
		gone, err := s.Purge(t.Context(), keep)
		require.NoError(t, err)
		require.Equal(t, want, gone.Entries)
	}
}

// purgeable inserts batches of which a purge deletes "old" and "retried".
func purgeable(t *testing.T, s *Store) {
	t.Helper()
	old, young := auditClock.AddDate(0, 0, -100), auditClock.AddDate(0, 0, -10)
	add := func(id, retryOf, undoOf string, endedAt *time.Time) {
		b := aBatch(id)
		b.RetryOf, b.UndoOf = retryOf, undoOf
		insertBatch(t, s, b)
		if endedAt != nil {
			endBatch(t, s, b, StatePartial, *endedAt)
		}
	}
	add("old", "", "", &old)
	// A batch that has not ended undoes one that retries another.
	add("root", "", "", &old)
	add("middle", "root", "", &old)
	add("open", "", "middle", nil)
	// A batch that is not old enough retries one that is.
	add("retried", "", "", &old)
	add("young", "retried", "", &young)
	// An interrupted batch has not ended either, however old it is.
	add("undone", "", "", &old)
	add("old undo", "", "undone", &old)
	interrupted := aBatch("interrupted")
	interrupted.RetryOf, interrupted.CreatedAt = "old undo", old
	insertBatch(t, s, interrupted)
	interrupted.State = StateInterrupted
	require.NoError(t, s.SetBatch(t.Context(), interrupted))
}

func TestPurge_batches(t *testing.T) {
	s := openAudit(t)
	purgeable(t, s)
	gone, err := s.Purge(t.Context(), Retention{Batches: auditClock.AddDate(0, 0, -90), At: auditClock})
	require.NoError(t, err)
	require.Equal(t, Purged{Batches: 2}, gone)
	left, err := s.Batches(t.Context(), BatchQuery{Scope: services.Scope{All: true}, Limit: 100})
	require.NoError(t, err)
	names := map[string]string{}
	for _, b := range left {
		names[b.ID] = b.RetryOf + b.UndoOf
	}
	require.Equal(t, map[string]string{
		"root": "", "middle": "root", "open": "middle", "young": "",
		"undone": "", "old undo": "undone", "interrupted": "old undo",
	}, names)
	orphans := countRows(t, s, `batch_items WHERE batch_id NOT IN (SELECT id FROM batches)`)
	require.Zero(t, orphans, "items of deleted batches are left")
	require.Equal(t, ActionRetention, last(t, s).Action)
	found, err := s.Entries(t.Context(), EntryQuery{Object: "old", Limit: 10})
	require.NoError(t, err)
	require.Len(t, found, 2, "the audit entries of a deleted batch stay")
	require.False(t, found[0].Kept)
}

func TestPurge_manyBatches(t *testing.T) {
	s := openAudit(t)
	for i := range purgeBatches + 3 {
		b := aBatch(fmt.Sprint("b", i))
		insertBatch(t, s, b)
		endBatch(t, s, b, StateSucceeded, auditClock)
	}
	for _, want := range []int{purgeBatches, 3, 0} {
		gone, err := s.Purge(t.Context(), Retention{Batches: auditClock.Add(time.Hour), At: auditClock})
		require.NoError(t, err)
		require.Equal(t, want, gone.Batches)
	}
}

// A purge that fails deletes nothing.
func TestPurge_allOrNothing(t *testing.T) {
	s := openAudit(t)
	require.NoError(t, s.Note(t.Context(), Entry{At: auditClock.AddDate(-1, 0, 0), Action: ActionLogin}))
	breakAudit(t, s)
	_, err := s.Purge(t.Context(), Retention{Audit: auditClock, At: auditClock})
	require.ErrorContains(t, err, "disk full")
	require.Len(t, entries(t, s), 1)
	var before int64
	require.NoError(t, s.r.QueryRowContext(t.Context(), `SELECT before FROM audit_retention`).Scan(&before))
	require.Zero(t, before)
}
