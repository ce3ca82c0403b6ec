package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// The table of login sessions is read with every request. It is written at
// sign-in, at sign-out and sometimes in between. token is not the browser's token,
// which is not stored, but a value that package web derives from it.

// FindSession returns the data of a login session that has not expired; found is
// false if there is no such session.
func (s *Store) FindSession(ctx context.Context, token string) (data []byte, found bool, err error) {
	const query = `SELECT data FROM sessions WHERE token = $1 AND expiry > $2`
	err = s.r.QueryRowContext(ctx, query, token, toMillis(time.Now())).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, mapErr(err)
}

// InsertSession adds a login session.
func (s *Store) InsertSession(ctx context.Context, token string, data []byte, expiry time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (token, data, expiry) VALUES ($1, $2, $3)`,
			token, data, toMillis(expiry))
		return err
	})
}

// UpdateSession stores new data and a new expiry of a login session. If the
// session has ended, it does nothing: a request that was in progress at the
// sign-out must not restore it.
func (s *Store) UpdateSession(ctx context.Context, token string, data []byte, expiry time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE sessions SET data = $2, expiry = $3 WHERE token = $1`,
			token, data, toMillis(expiry))
		return err
	})
}

// DeleteSession ends a login session, if it exists.
func (s *Store) DeleteSession(ctx context.Context, token string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE token = $1`, token)
		return err
	})
}

// DeleteExpiredSessions deletes the login sessions that have expired.
func (s *Store) DeleteExpiredSessions(ctx context.Context) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expiry <= $1`, toMillis(time.Now()))
		return err
	})
}
