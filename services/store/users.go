package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kube-node-manager/services"
)

// User is one account.
type User struct {
	ID           int64
	Name         string   // unique without regard to case
	PasswordHash string   // "": the user cannot sign in with a password
	Issuer       string   // the identity provider of the user; "" for a local user
	Subject      string   // the user's permanent id there
	Groups       []string // the user's groups there at the last sign-in
	Role         services.Role
	Grants       []services.Grant // sorted
	Disabled     bool
	AuthEpoch    int64 // raising it ends every login of the user
	CreatedAt    time.Time
	LastLoginAt  *time.Time
	Language     string     // of the pages; "" as the browser says
	Theme        string     // "" as the browser says
	ResetAt      *time.Time // when an administrator last set the password
	Factor       bool       // the user has a second factor
}

const userColumns = `id, name, password_hash, issuer, subject, groups, role, disabled, auth_epoch,
	created_at, last_login_at, language, theme, reset_at,
	(SELECT string_agg(cluster || '` + unitSeparator + `' || label || '` + unitSeparator + `' || role,
		'` + recordSeparator + `' ORDER BY cluster, label) FROM grants WHERE user_id = users.id),
	EXISTS (SELECT 1 FROM factors WHERE user_id = users.id)`

func scanUser(row scanner) (User, error) {
	var (
		u       User
		created int64
		login   sql.NullInt64
		reset   sql.NullInt64
		groups  []byte
		grants  sql.NullString
	)
	err := row.Scan(&u.ID, &u.Name, &u.PasswordHash, &u.Issuer, &u.Subject, &groups, &u.Role, &u.Disabled, &u.AuthEpoch,
		&created, &login, &u.Language, &u.Theme, &reset, &grants, &u.Factor)
	if err != nil {
		return User{}, mapErr(err)
	}
	u.CreatedAt, u.LastLoginAt, u.ResetAt = fromMillis(created), fromNullMillis(login), fromNullMillis(reset)
	if err := readList(groups, &u.Groups); err != nil {
		return User{}, fmt.Errorf("read the groups of a user: %w", err)
	}
	u.Grants = splitGrants(grants.String)
	return u, nil
}

// readList reads a list of JSON. It leaves an empty one nil.
func readList[T any](raw []byte, list *[]T) error {
	if string(raw) == "[]" {
		return nil
	}
	return json.Unmarshal(raw, list)
}

// HasUsers reports whether there is any user.
func (s *Store) HasUsers(ctx context.Context) (has bool, err error) {
	err = s.r.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users)`).Scan(&has)
	return has, mapErr(err)
}

// HasAdmin reports whether there is an administrator who may sign in.
func (s *Store) HasAdmin(ctx context.Context) (bool, error) { return hasAdmin(ctx, s.r) }

// querier is a *sql.DB or *sql.Tx.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func hasAdmin(ctx context.Context, q querier) (has bool, err error) {
	const query = `SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND NOT disabled)`
	err = q.QueryRowContext(ctx, query).Scan(&has)
	return has, mapErr(err)
}

// UserByName returns the user of that name, in any case, or CodeNotFound.
func (s *Store) UserByName(ctx context.Context, name string) (User, error) {
	u, err := scanUser(s.r.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE lower(name) = lower($1)`, name))
	if isUnstorable(err) {
		return User{}, services.Wrap(err, services.CodeNotFound, "error_not_found")
	}
	return u, err
}

// UserByID returns a user, or CodeNotFound.
func (s *Store) UserByID(ctx context.Context, id int64) (User, error) { return findUser(ctx, s.r, id) }

func findUser(ctx context.Context, q querier, id int64) (User, error) {
	return scanUser(q.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1`, id))
}

// UserByIdentity returns the user of an identity provider, or CodeNotFound.
func (s *Store) UserByIdentity(ctx context.Context, issuer, subject string) (User, error) {
	const query = `SELECT ` + userColumns + ` FROM users WHERE issuer = $1 AND subject = $2 AND issuer <> ''`
	return scanUser(s.r.QueryRowContext(ctx, query, issuer, subject))
}

// InsertUser adds a user and returns their id. It stores Name, PasswordHash, Issuer,
// Subject, Role, Grants and CreatedAt. A name in use is CodeConflict.
func (s *Store) InsertUser(ctx context.Context, u User) (id int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		id, err = insertUser(ctx, tx, u)
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{
			Action: ActionUserCreate, Object: u.Name,
			After: facts("role", u.Role, "grants", grantFact(u.Grants), "issuer", u.Issuer),
		})
	})
	return id, err
}

// ErrSetUp is the error of InsertFirstAdmin if there is an administrator already.
var ErrSetUp = errors.New("there is an administrator")

// InsertFirstAdmin is like InsertUser, for a database without an administrator who
// may sign in. It also deletes the named setting, which was needed only to create
// the first administrator. If there is an administrator, the error is CodeConflict
// and wraps ErrSetUp.
func (s *Store) InsertFirstAdmin(ctx context.Context, u User, setting string) (id int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		has, err := hasAdmin(ctx, tx)
		if err != nil {
			return err
		}
		if has {
			return services.Wrap(ErrSetUp, services.CodeConflict, "error_setup_done")
		}
		id, err = insertUser(ctx, tx, u)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM settings WHERE key = $1`, setting); err != nil {
			return err
		}
		return s.noteAs(ctx, tx, id, u.Name, Entry{Action: ActionSetup, Object: u.Name, After: facts("role", u.Role)})
	})
	return id, err
}

func insertUser(ctx context.Context, tx *sql.Tx, u User) (id int64, err error) {
	err = tx.QueryRowContext(ctx,
		`INSERT INTO users (name, password_hash, issuer, subject, role, created_at)
			VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
		u.Name, u.PasswordHash, u.Issuer, u.Subject, u.Role, toMillis(u.CreatedAt)).Scan(&id)
	if err != nil {
		return 0, err
	}
	return id, insertGrants(ctx, tx, id, u.Grants)
}

// SetPassword stores the hash of a new password, ends every login of the user, and
// deletes their tokens. It returns the number of tokens. reset is when somebody else
// has set the password; nil for the user. If there is no such user, the error is
// CodeNotFound.
func (s *Store) SetPassword(ctx context.Context, id int64, hash string, reset *time.Time) (tokens int, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		name, err := updateUser(ctx, tx, `UPDATE users SET password_hash = $2, auth_epoch = auth_epoch + 1,
			reset_at = coalesce($3, reset_at) WHERE id = $1 RETURNING name`, id, hash, toNullMillis(reset))
		if err != nil {
			return err
		}
		tokens, err = deleteTokensOf(ctx, tx, id)
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{Action: ActionUserPassword, Object: name, After: facts("tokens", tokens)})
	})
	return tokens, err
}

// Rehash stores another hash of the same password, unless the password has been
// changed since old was read. It does not end the user's logins.
func (s *Store) Rehash(ctx context.Context, id int64, old, hash string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			`UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2`, id, old, hash)
		return err
	})
}

// EndSignIn records that the user has signed in, at an identity provider or, for "", with
// a password that is kept here.
func (s *Store) EndSignIn(ctx context.Context, id int64, now time.Time, provider string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		const update = `UPDATE users SET last_login_at = $2 WHERE id = $1 RETURNING name`
		name, err := updateUser(ctx, tx, update, id, toMillis(now))
		if err != nil {
			return err
		}
		entry := Entry{At: now, Action: ActionLogin, Object: name}
		if provider != "" {
			entry.After = facts("provider", provider)
		}
		return s.noteAs(ctx, tx, id, name, entry)
	})
}

// updateUser runs a query that changes one user and returns their name.
func updateUser(ctx context.Context, tx *sql.Tx, query string, args ...any) (name string, err error) {
	err = tx.QueryRowContext(ctx, query, args...).Scan(&name)
	return name, err
}
