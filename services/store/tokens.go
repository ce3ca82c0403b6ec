package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"kube-node-manager/services"
)

// Token is a bearer token of a script. The token itself is stored nowhere.
type Token struct {
	ID         int64
	UserID     int64
	Owner      string // the user's name; of tokens that were read
	Name       string // the owner's word for it
	Hash       []byte // SHA-256 of the token
	CreatedAt  time.Time
	LastUsedAt *time.Time // within some minutes
	ExpiresAt  *time.Time // nil is never
}

// Expired reports whether the token has come to its end.
func (t Token) Expired(now time.Time) bool { return t.ExpiresAt != nil && !now.Before(*t.ExpiresAt) }

const tokenColumns = `t.id, t.user_id, u.name, t.name, t.hash, t.created_at, t.last_used_at, t.expires_at`

func scanToken(row scanner) (Token, error) {
	var (
		t             Token
		created       int64
		used, expires sql.NullInt64
	)
	err := row.Scan(&t.ID, &t.UserID, &t.Owner, &t.Name, &t.Hash, &created, &used, &expires)
	if err != nil {
		return Token{}, mapErr(err)
	}
	t.CreatedAt, t.LastUsedAt, t.ExpiresAt = fromMillis(created), fromNullMillis(used), fromNullMillis(expires)
	return t, nil
}

// InsertToken adds a token of an existing user and gives its id.
func (s *Store) InsertToken(ctx context.Context, t Token) (id int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx,
			`INSERT INTO tokens (user_id, name, hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5) RETURNING id`,
			t.UserID, t.Name, t.Hash, toMillis(t.CreatedAt), toNullMillis(t.ExpiresAt)).Scan(&id)
		if err != nil {
			return err
		}
		owner, err := scanUser(tx.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1`, t.UserID))
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{Action: ActionTokenCreate, Object: t.Name, After: facts("user", owner.Name, "id", id, "expires", momentOf(t.ExpiresAt))})
	})
	return id, err
}

// momentOf is a moment in the facts of an entry; what never comes is left out.
func momentOf(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// TokenByHash returns the token with that hash, or CodeNotFound.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (Token, error) {
	return scanToken(s.r.QueryRowContext(ctx,
		`SELECT `+tokenColumns+` FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.hash = $1`, hash))
}

// Tokens returns the tokens of a user, or with 0 those of everybody, oldest first.
func (s *Store) Tokens(ctx context.Context, user int64) ([]Token, error) {
	rows, err := s.r.QueryContext(ctx,
		`SELECT `+tokenColumns+` FROM tokens t JOIN users u ON u.id = t.user_id WHERE $1 IN (0, t.user_id) ORDER BY t.id`, user)
	if err != nil {
		return nil, mapErr(fmt.Errorf("read the tokens: %w", err))
	}
	defer func() { _ = rows.Close() }()
	tokens := []Token{}
	for rows.Next() {
		t, err := scanToken(rows)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
	}
	return tokens, mapErr(rows.Err())
}

// UseToken notes when a token was last used.
func (s *Store) UseToken(ctx context.Context, id int64, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE tokens SET last_used_at = $2 WHERE id = $1`, id, toMillis(now))
		return err
	})
}

// RevokeTokens deletes tokens, all of them or none, and returns what they were.
// CodeNotFound says which id is no token's.
func (s *Store) RevokeTokens(ctx context.Context, ids []int64) (gone []Token, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			t, err := s.revokeToken(ctx, tx, id)
			if err != nil {
				return err
			}
			gone = append(gone, t)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

func (s *Store) revokeToken(ctx context.Context, tx *sql.Tx, id int64) (Token, error) {
	t, err := scanToken(tx.QueryRowContext(ctx,
		`SELECT `+tokenColumns+` FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.id = $1`, id))
	if services.CodeOf(err) == services.CodeNotFound {
		return Token{}, services.Wrap(err, services.CodeNotFound, "error_no_token", "ID", id)
	}
	if err != nil {
		return Token{}, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM tokens WHERE id = $1`, id); err != nil {
		return Token{}, err
	}
	return t, s.note(ctx, tx, Entry{Action: ActionTokenRevoke, Object: t.Name, Before: facts("user", t.Owner, "id", id)})
}

// deleteTokensOf deletes the tokens of a user and returns how many there were.
func deleteTokensOf(ctx context.Context, tx *sql.Tx, user int64) (int, error) {
	res, err := tx.ExecContext(ctx, `DELETE FROM tokens WHERE user_id = $1`, user)
	if err != nil {
		return 0, fmt.Errorf("delete tokens: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}
