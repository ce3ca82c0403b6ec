package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"kube-node-manager/services"
)

// Token is a bearer token for scripts. Only its hash is stored.
type Token struct {
	ID         int64
	UserID     int64
	Owner      string // the user's name; set in tokens that were read
	Name       string // chosen by the owner
	Hash       []byte // SHA-256 of the token
	CreatedAt  time.Time
	LastUsedAt *time.Time // may be some minutes late
	ExpiresAt  *time.Time // nil means never
	ReadOnly   bool       // the token may only see
	Clusters   []string   // the only clusters that the token is for; empty means all of its user
}

// Expired reports whether the token has expired.
func (t Token) Expired(now time.Time) bool { return t.ExpiresAt != nil && !now.Before(*t.ExpiresAt) }

const tokenColumns = `t.id, t.user_id, u.name, t.name, t.hash, t.created_at, t.last_used_at, t.expires_at,
	t.read_only, t.clusters`

func scanToken(row scanner) (Token, error) {
	var (
		t             Token
		created       int64
		used, expires sql.NullInt64
		clusters      []byte
	)
	err := row.Scan(
		&t.ID, &t.UserID, &t.Owner, &t.Name, &t.Hash, &created, &used, &expires, &t.ReadOnly, &clusters)
	if err != nil {
		return Token{}, mapErr(err)
	}
	t.CreatedAt, t.LastUsedAt, t.ExpiresAt = fromMillis(created), fromNullMillis(used), fromNullMillis(expires)
	if err := json.Unmarshal(clusters, &t.Clusters); err != nil {
		return Token{}, fmt.Errorf("read the clusters of a token: %w", err)
	}
	return t, nil
}

// selectTokens reads the columns of tokens; a condition follows.
const selectTokens = `SELECT ` + tokenColumns + ` FROM tokens t JOIN users u ON u.id = t.user_id `

// InsertToken adds a token of an existing user and returns its id.
func (s *Store) InsertToken(ctx context.Context, t Token) (id int64, err error) {
	clusters, err := json.Marshal(slices.Concat([]string{}, t.Clusters)) // [], not null, for none
	if err != nil {
		return 0, fmt.Errorf("encode the clusters of a token: %w", err)
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx,
			`INSERT INTO tokens (user_id, name, hash, created_at, expires_at, read_only, clusters)
				VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
			t.UserID, t.Name, t.Hash, toMillis(t.CreatedAt), toNullMillis(t.ExpiresAt), t.ReadOnly, string(clusters)).
			Scan(&id)
		if err != nil {
			return err
		}
		owner, err := findUser(ctx, tx, t.UserID)
		if err != nil {
			return err
		}
		after := facts("user", owner.Name, "id", id, "expires", timeFact(t.ExpiresAt), "limits", tokenLimits(t))
		return s.note(ctx, tx, Entry{Action: ActionTokenCreate, Object: t.Name, After: after})
	})
	return id, err
}

// tokenLimits returns what limits a token as a value for facts; nil, which is left out
// there, when it may do all that its user may.
func tokenLimits(t Token) any {
	if !t.ReadOnly && len(t.Clusters) == 0 {
		return nil
	}
	return map[string]any{"readOnly": t.ReadOnly, "clusters": t.Clusters}
}

// timeFact returns a time as a value for facts. nil is left out there.
func timeFact(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// TokenByHash returns the token with that hash, or CodeNotFound.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (Token, error) {
	return scanToken(s.r.QueryRowContext(ctx, selectTokens+`WHERE t.hash = $1`, hash))
}

// Tokens returns the tokens of a user, or those of all users if user is 0, oldest
// first.
func (s *Store) Tokens(ctx context.Context, user int64) ([]Token, error) {
	return list(ctx, s.r, "read the tokens", scanToken,
		selectTokens+`WHERE t.user_id = $1 OR $1 = 0 ORDER BY t.id`, user)
}

// UseToken stores when a token was last used.
func (s *Store) UseToken(ctx context.Context, id int64, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE tokens SET last_used_at = $2 WHERE id = $1`, id, toMillis(now))
		return err
	})
}

// RevokeTokens deletes tokens of a user, or of any for 0, all of them or none, and
// returns them as they were. If there is no such token of one id, the error is
// CodeNotFound and names the id.
func (s *Store) RevokeTokens(ctx context.Context, user int64, ids []int64) (gone []Token, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			t, err := s.revokeToken(ctx, tx, user, id)
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

func (s *Store) revokeToken(ctx context.Context, tx *sql.Tx, user, id int64) (Token, error) {
	t, err := scanToken(tx.QueryRowContext(ctx, selectTokens+`WHERE t.id = $1 AND (t.user_id = $2 OR $2 = 0)`, id, user))
	if services.CodeOf(err) == services.CodeNotFound {
		return Token{}, services.Wrap(err, services.CodeNotFound, "error_no_token", "ID", id)
	}
	if err != nil {
		return Token{}, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM tokens WHERE id = $1`, id); err != nil {
		return Token{}, err
	}
	before := facts("user", t.Owner, "id", id)
	return t, s.note(ctx, tx, Entry{Action: ActionTokenRevoke, Object: t.Name, Before: before})
}

// deleteTokensOf deletes the tokens of a user and returns their number.
func deleteTokensOf(ctx context.Context, tx *sql.Tx, user int64) (int, error) {
	res, err := tx.ExecContext(ctx, `DELETE FROM tokens WHERE user_id = $1`, user)
	if err != nil {
		return 0, fmt.Errorf("delete tokens: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}
