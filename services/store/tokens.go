package store

import (
	"context"
	"database/sql"
	"time"
)

// Token is a bearer token of a script. The token itself is stored nowhere.
type Token struct {
	ID         int64
	UserID     int64
	Name       string // the owner's word for it
	Hash       []byte // SHA-256 of the token
	CreatedAt  time.Time
	LastUsedAt *time.Time
}

// InsertToken adds a token of an existing user and gives its id.
func (s *Store) InsertToken(ctx context.Context, t Token) (id int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx,
			`INSERT INTO tokens (user_id, name, hash, created_at) VALUES ($1, $2, $3, $4) RETURNING id`,
			t.UserID, t.Name, t.Hash, toMillis(t.CreatedAt)).Scan(&id)
		if err != nil {
			return err
		}
		owner, err := scanUser(tx.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1`, t.UserID))
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{Action: ActionTokenCreate, Object: t.Name, After: facts("user", owner.Name, "id", id)})
	})
	return id, err
}

// TokenByHash gives the token with that hash, or CodeNotFound.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (Token, error) {
	var (
		t       Token
		created int64
		used    sql.NullInt64
	)
	err := s.r.QueryRowContext(ctx,
		`SELECT id, user_id, name, hash, created_at, last_used_at FROM tokens WHERE hash = $1`, hash).
		Scan(&t.ID, &t.UserID, &t.Name, &t.Hash, &created, &used)
	if err != nil {
		return Token{}, mapErr(err)
	}
	t.CreatedAt, t.LastUsedAt = fromMillis(created), fromNullMillis(used)
	return t, nil
}

// UseToken notes when a token was last used.
func (s *Store) UseToken(ctx context.Context, id int64, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE tokens SET last_used_at = $2 WHERE id = $1`, id, toMillis(now))
		return err
	})
}
