package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Retention says what is too old to be kept. The zero time keeps everything.
type Retention struct {
	Batches time.Time // delete batches that ended before
	Audit   time.Time // delete audit entries before
	At      time.Time // the current time
}

// Purged says how much a purge deleted.
type Purged struct {
	Batches int `json:"batches"`
	Entries int `json:"entries"`
}

// Any reports whether anything was deleted.
func (p Purged) Any() bool { return p.Batches+p.Entries > 0 }

// Limits of what one transaction deletes.
const (
	purgeBatches = 20 // each may have thousands of items
	purgeEntries = 5000
)

// Purge deletes what is too old, and writes an audit entry about it. So that other
// writers do not wait long, it deletes a limited number of rows. The caller must
// call it again until nothing is deleted.
//
// It keeps every batch that has not ended, and every batch that such a batch
// retries or undoes, directly or through others. A batch that is kept for its age
// only loses its reference to a deleted batch.
func (s *Store) Purge(ctx context.Context, r Retention) (gone Purged, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		gone.Batches, err = purgeOldBatches(ctx, tx, r.Batches)
		if err != nil {
			return err
		}
		gone.Entries, err = purgeOldEntries(ctx, tx, r.Audit)
		if err != nil || !gone.Any() {
			return err
		}
		return s.note(ctx, tx, Entry{At: r.At, Action: ActionRetention, After: facts(
			"batches", gone.Batches, "entries", gone.Entries,
			"batchesBefore", limitFact(r.Batches), "entriesBefore", limitFact(r.Audit))})
	})
	return gone, err
}

// limitFact is like timeFact. The zero time is left out.
func limitFact(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return timeFact(&t)
}

func purgeOldBatches(ctx context.Context, tx *sql.Tx, before time.Time) (int, error) {
	if before.IsZero() {
		return 0, nil
	}
	ids, err := oldBatches(ctx, tx, before)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	old := marks(len(ids))
	for _, query := range []string{
		`UPDATE batches SET retry_of = NULL WHERE retry_of IN (` + old + `)`,
		`UPDATE batches SET undo_of = NULL WHERE undo_of IN (` + old + `)`,
		`DELETE FROM batches WHERE id IN (` + old + `)`,
	} {
		if _, err := tx.ExecContext(ctx, query, ids...); err != nil {
			return 0, fmt.Errorf("delete old batches: %w", err)
		}
	}
	return len(ids), nil
}

// oldBatches returns the ids of the batches to delete, the oldest first.
func oldBatches(ctx context.Context, tx *sql.Tx, before time.Time) ([]any, error) {
	return list(ctx, tx, "look for old batches", scanAny, `WITH RECURSIVE needed (id) AS (
			SELECT id FROM batches WHERE `+batchNotEnded+`
			UNION SELECT origin.id FROM needed JOIN batches b ON b.id = needed.id
				JOIN batches origin ON origin.id IN (b.retry_of, b.undo_of))
		SELECT id FROM batches WHERE ended_at < $1 AND id NOT IN (SELECT id FROM needed)
		ORDER BY ended_at LIMIT $2`, toMillis(before), purgeBatches)
}

// scanAny reads a row of one text column as an argument of another query.
func scanAny(row scanner) (any, error) { return scanString(row) }

// purgeOldEntries deletes old audit entries. Triggers forbid to delete entries
// after the time in audit_retention, which is not 0 only during this transaction.
func purgeOldEntries(ctx context.Context, tx *sql.Tx, before time.Time) (int, error) {
	if before.IsZero() {
		return 0, nil
	}
	if _, err := tx.ExecContext(ctx, `UPDATE audit_retention SET before = $1`, toMillis(before)); err != nil {
		return 0, fmt.Errorf("allow deletion from the audit log: %w", err)
	}
	const old = `SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2`
	res, err := tx.ExecContext(ctx, `DELETE FROM audit WHERE id IN (`+old+`)`, toMillis(before), purgeEntries)
	if err != nil {
		return 0, fmt.Errorf("delete from the audit log: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE audit_retention SET before = 0`); err != nil {
		return 0, fmt.Errorf("forbid deletion from the audit log: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}
