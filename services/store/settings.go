package store

import (
	"context"
	"database/sql"
)

// Setting returns the value of a setting, or CodeNotFound.
func (s *Store) Setting(ctx context.Context, key string) (value string, err error) {
	err = s.r.QueryRowContext(ctx, `SELECT value FROM settings WHERE key = $1`, key).Scan(&value)
	return value, mapErr(err)
}

// PutSetting stores a setting and replaces its earlier value.
func (s *Store) PutSetting(ctx context.Context, key, value string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			`INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
			key, value)
		return err
	})
}
