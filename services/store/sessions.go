package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// The table of login sessions is read with every request and written at
// sign-in, at sign-out and now and then in between. Its expiry is a Julian day.
// token is what the edge made of the browser's token, which is stored nowhere.

// sessionExpiry is the layout that SQLite's julianday reads.
const sessionExpiry = "2006-01-02T15:04:05.999"

// FindSession returns the data of a login session that has not expired; found is
// false when there is none.
func (s *Store) FindSession(ctx context.Context, token string) (data []byte, found bool, err error) {
	err = s.r.QueryRowContext(ctx, `SELECT data FROM sessions WHERE token = $1 AND julianday('now') < expiry`, token).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, mapErr(err)
}

// InsertSession begins a login session.
func (s *Store) InsertSession(ctx context.Context, token string, data []byte, expiry time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (token, data, expiry) VALUES ($1, $2, julianday($3))`,
			token, data, expiry.UTC().Format(sessionExpiry))
		return err
	})
}

// UpdateSession stores other data of a login session. One that has ended stays
// ended: a request that was under way at the sign-out must not bring it back.
func (s *Store) UpdateSession(ctx context.Context, token string, data []byte, expiry time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE sessions SET data = $2, expiry = julianday($3) WHERE token = $1`,
			token, data, expiry.UTC().Format(sessionExpiry))
		return err
	})
}

// DeleteSession ends a login session. One that is not there is no error.
func (s *Store) DeleteSession(ctx context.Context, token string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE token = $1`, token)
		return err
	})
}

// DeleteExpiredSessions deletes the login sessions whose time is over.
func (s *Store) DeleteExpiredSessions(ctx context.Context) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expiry < julianday('now')`)
		return err
	})
}
