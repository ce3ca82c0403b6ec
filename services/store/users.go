package store

import (
	"context"
	"database/sql"
	"time"

	"kube-node-manager/services"
)

// User is one account.
type User struct {
	ID           int64
	Name         string // unique without regard to case
	PasswordHash string
	Role         services.Role
	Disabled     bool
	AuthEpoch    int64 // raised to end every login of the user
	Failures     int   // sign-in tries since the last success
	RetryAt      *time.Time
	CreatedAt    time.Time
	LastLoginAt  *time.Time
}

const userColumns = `id, name, password_hash, role, disabled, auth_epoch, failures, retry_at, created_at, last_login_at`

// scanner is a row of either kind.
type scanner interface{ Scan(dest ...any) error }

func scanUser(row scanner) (User, error) {
	var (
		u              User
		retryAt, login sql.NullInt64
		created        int64
	)
	err := row.Scan(&u.ID, &u.Name, &u.PasswordHash, &u.Role, &u.Disabled, &u.AuthEpoch, &u.Failures, &retryAt, &created, &login)
	if err != nil {
		return User{}, mapErr(err)
	}
	u.RetryAt, u.CreatedAt, u.LastLoginAt = fromNullMillis(retryAt), fromMillis(created), fromNullMillis(login)
	return u, nil
}

// HasUsers reports whether there is any user.
func (s *Store) HasUsers(ctx context.Context) (bool, error) { return hasUsers(ctx, s.r) }

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

type rowsQuerier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func hasUsers(ctx context.Context, q querier) (has bool, err error) {
	err = q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users)`).Scan(&has)
	return has, mapErr(err)
}

// UserByName gives the user of that name, in any case, or CodeNotFound.
func (s *Store) UserByName(ctx context.Context, name string) (User, error) {
	return scanUser(s.r.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE name = $1`, name))
}

// UserByID gives a user, or CodeNotFound.
func (s *Store) UserByID(ctx context.Context, id int64) (User, error) {
	return scanUser(s.r.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1`, id))
}

// InsertUser adds a user and gives its id. Name, PasswordHash, Role and
// CreatedAt are read; a name in use is CodeConflict.
func (s *Store) InsertUser(ctx context.Context, u User) (id int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if id, err = insertUser(ctx, tx, u); err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{Action: ActionUserCreate, Object: u.Name, After: facts("role", u.Role)})
	})
	return id, err
}

// InsertFirstUser is InsertUser for a database that has no user yet, and
// CodeConflict for any other. It takes the setting with it that only served to
// make the first user.
func (s *Store) InsertFirstUser(ctx context.Context, u User, setting string) (id int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		has, err := hasUsers(ctx, tx)
		if err != nil {
			return err
		}
		if has {
			return services.Errorf(services.CodeConflict, "error_setup_done")
		}
		if id, err = insertUser(ctx, tx, u); err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, `DELETE FROM settings WHERE key = $1`, setting); err != nil {
			return err
		}
		return s.noteAs(ctx, tx, id, u.Name, Entry{Action: ActionSetup, Object: u.Name, After: facts("role", u.Role)})
	})
	return id, err
}

func insertUser(ctx context.Context, tx *sql.Tx, u User) (id int64, err error) {
	err = tx.QueryRowContext(ctx,
		`INSERT INTO users (name, password_hash, role, created_at) VALUES ($1, $2, $3, $4) RETURNING id`,
		u.Name, u.PasswordHash, u.Role, toMillis(u.CreatedAt)).Scan(&id)
	return id, err
}

// SetPassword stores another password's hash, ends every login of the user and
// forgets the failed tries. No such user is CodeNotFound.
func (s *Store) SetPassword(ctx context.Context, id int64, hash string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		name, err := updateUser(ctx, tx, `UPDATE users SET password_hash = $2, auth_epoch = auth_epoch + 1, failures = 0, retry_at = NULL
			WHERE id = $1 RETURNING name`, id, hash)
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{Action: ActionUserPassword, Object: name})
	})
}

// Rehash stores another hash of the same password, if the password has not been
// changed since old was read. The user's logins go on.
func (s *Store) Rehash(ctx context.Context, id int64, old, hash string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			`UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2`, id, old, hash)
		return err
	})
}

// BeginSignIn counts one try of the user to sign in, before the password is
// looked at, so that tries made at the same time cannot share one count. delay
// says how long the next try has to wait after that many tries in a row. When
// this try comes too early it is not counted and retryAt says when to come back.
func (s *Store) BeginSignIn(ctx context.Context, id int64, now time.Time, delay func(tries int) time.Duration) (retryAt *time.Time, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		u, err := scanUser(tx.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1`, id))
		if err != nil {
			return err
		}
		if u.RetryAt != nil && now.Before(*u.RetryAt) {
			retryAt = u.RetryAt
			return s.noteRefusal(ctx, tx, u, RefusedWait)
		}
		tries := u.Failures + 1
		_, err = tx.ExecContext(ctx, `UPDATE users SET failures = $2, retry_at = $3 WHERE id = $1`,
			id, tries, toMillis(now.Add(delay(tries))))
		return err
	})
	return retryAt, err
}

// EndSignIn notes that the user has signed in, and forgets the failed tries.
func (s *Store) EndSignIn(ctx context.Context, id int64, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		name, err := updateUser(ctx, tx, `UPDATE users SET failures = 0, retry_at = NULL, last_login_at = $2 WHERE id = $1 RETURNING name`,
			id, toMillis(now))
		if err != nil {
			return err
		}
		return s.noteAs(ctx, tx, id, name, Entry{Action: ActionLogin, Object: name})
	})
}

// updateUser changes one user and gives what the query returns of it: the name.
func updateUser(ctx context.Context, tx *sql.Tx, query string, args ...any) (name string, err error) {
	err = tx.QueryRowContext(ctx, query, args...).Scan(&name)
	return name, err
}

// Refusal says why a sign-in was refused.
type Refusal string

// The refusals.
const (
	RefusedUnknown  Refusal = "unknown" // no such user
	RefusedPassword Refusal = "password"
	RefusedDisabled Refusal = "disabled"
	RefusedWait     Refusal = "wait" // too many tries
)

// RefuseSignIn notes that a try to sign in was refused. The zero User stands for
// a name that nobody has; what was typed there is not kept, since people type
// passwords into the wrong field.
func (s *Store) RefuseSignIn(ctx context.Context, u User, why Refusal) error {
	return s.write(ctx, func(tx *sql.Tx) error { return s.noteRefusal(ctx, tx, u, why) })
}

func (s *Store) noteRefusal(ctx context.Context, tx *sql.Tx, u User, why Refusal) error {
	return s.noteAs(ctx, tx, u.ID, u.Name, Entry{Action: ActionLoginFailed, Object: u.Name, Result: ResultRefused, After: facts("why", why)})
}
