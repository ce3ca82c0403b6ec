package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
)

// Health is what the health gates of a batch compare with, encoded by package batch.
type Health struct {
	Begin  json.RawMessage // how the cluster was when the batch began
	Failed json.RawMessage // what the gate has found at which it waits for a person; nil if it does not
}

// HealthOf returns the health of a batch, or CodeNotFound if none was stored.
func (s *Store) HealthOf(ctx context.Context, batch string) (Health, error) {
	var begin string
	var failed sql.NullString
	row := s.r.QueryRowContext(ctx, `SELECT begin, failed FROM batch_health WHERE batch_id = $1`, batch)
	if err := row.Scan(&begin, &failed); err != nil {
		return Health{}, mapErr(fmt.Errorf("read the health of a batch: %w", err))
	}
	h := Health{Begin: json.RawMessage(begin)}
	if failed.Valid {
		h.Failed = json.RawMessage(failed.String)
	}
	return h, nil
}

// PutHealth stores the health of a batch.
func (s *Store) PutHealth(ctx context.Context, batch string, h Health) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		failed := sql.NullString{String: string(h.Failed), Valid: h.Failed != nil}
		_, err := tx.ExecContext(ctx, `INSERT INTO batch_health (batch_id, begin, failed) VALUES ($1, $2, $3)
			ON CONFLICT (batch_id) DO UPDATE SET begin = excluded.begin, failed = excluded.failed`,
			batch, string(h.Begin), failed)
		if err != nil {
			return fmt.Errorf("write the health of a batch: %w", err)
		}
		return nil
	})
}
