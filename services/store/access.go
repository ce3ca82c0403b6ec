package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"kube-node-manager/services"
)

// Users returns every user, oldest first.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	return list(ctx, s.r, "read the users", scanUser, `SELECT `+userColumns+` FROM users ORDER BY id`)
}

// Held counts what belongs to a user whose access changes.
type Held struct {
	Tokens  int
	Batches int // started by the user and not ended
}

// SetDisabled disables or enables a user. Disabling ends every login of the user.
// Tokens are kept, but are not valid while the user is disabled.
//
// Errors: CodeNotFound; CodeConflict if nothing would change, and for the last
// administrator.
func (s *Store) SetDisabled(ctx context.Context, id int64, disabled bool) (held Held, err error) {
	err = s.changeUser(ctx, id, func(tx *sql.Tx, u User) error {
		action, text := ActionUserEnable, "error_user_enabled"
		if disabled {
			action, text = ActionUserDisable, "error_user_disabled"
		}
		if u.Disabled == disabled {
			return services.NewError(services.CodeConflict, text, "Name", u.Name)
		}
		const update = `UPDATE users SET disabled = $2,
			auth_epoch = auth_epoch + CASE WHEN $2 THEN 1 ELSE 0 END WHERE id = $1`
		if _, err := tx.ExecContext(ctx, update, id, disabled); err != nil {
			return err
		}
		held, err = heldBy(ctx, tx, id)
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{
			Action: action, Object: u.Name, Before: facts("disabled", u.Disabled), After: facts("disabled", disabled),
		})
	})
	return held, err
}

// SetRole sets the role of a user, from their next request on.
//
// Errors: CodeNotFound; CodeConflict for a user who has the role already, and for
// the last administrator.
func (s *Store) SetRole(ctx context.Context, id int64, role services.Role) (held Held, err error) {
	err = s.changeUser(ctx, id, func(tx *sql.Tx, u User) error {
		if u.Role == role {
			return services.NewError(services.CodeConflict, "error_user_has_role", "Name", u.Name, "Role", string(role))
		}
		if err := s.setAccess(ctx, tx, u, role, u.Grants); err != nil {
			return err
		}
		held, err = heldBy(ctx, tx, id)
		return err
	})
	return held, err
}

// EndLogins ends every login of a user, but not their tokens.
//
// Errors: CodeNotFound.
func (s *Store) EndLogins(ctx context.Context, id int64) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		name, err := endLogins(ctx, tx, id)
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{Action: ActionUserSignOut, Object: name})
	})
}

// SetTaste stores the language and the theme that a user has chosen; "" is what the
// browser says.
func (s *Store) SetTaste(ctx context.Context, id int64, language, theme string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		const update = `UPDATE users SET language = $2, theme = $3 WHERE id = $1 RETURNING name`
		_, err := updateUser(ctx, tx, update, id, language, theme)
		return err
	})
}

// DeleteUser deletes a user, their tokens and their personal views. Their batches and audit entries
// stay, and their id is never used again.
//
// Errors: CodeNotFound; CodeConflict for the last administrator.
func (s *Store) DeleteUser(ctx context.Context, id int64) (held Held, err error) {
	err = s.changeUser(ctx, id, func(tx *sql.Tx, u User) error {
		held, err = heldBy(ctx, tx, id)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM views WHERE user_id = $1 AND NOT shared`, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM users WHERE id = $1`, id); err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{
			Action: ActionUserDelete, Object: u.Name,
			Before: facts("role", u.Role, "disabled", u.Disabled, "tokens", held.Tokens),
		})
	})
	return held, err
}

// changeUser calls fn with a user in one transaction. The transaction fails if no
// administrator would be left.
func (s *Store) changeUser(ctx context.Context, id int64, fn func(tx *sql.Tx, u User) error) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		u, err := findUser(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := fn(tx, u); err != nil {
			return err
		}
		if u.Role != services.RoleAdmin || u.Disabled {
			return nil
		}
		has, err := hasAdmin(ctx, tx)
		if err == nil && !has {
			err = services.NewError(services.CodeConflict, "error_last_admin", "Name", u.Name)
		}
		return err
	})
}

func heldBy(ctx context.Context, tx *sql.Tx, id int64) (h Held, err error) {
	err = tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM tokens WHERE user_id = $1),
		(SELECT count(*) FROM batches WHERE actor_id = $1 AND `+batchNotEnded+`)`, id).
		Scan(&h.Tokens, &h.Batches)
	return h, err
}

// DeleteSessions deletes the login sessions for whose data pick returns true, and
// returns their number. Only the caller knows the encoding of the data.
func (s *Store) DeleteSessions(ctx context.Context, pick func(token string, data []byte) bool) (gone int, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		all, err := list(ctx, tx, "read the login sessions", scanSession, `SELECT token, data FROM sessions`)
		if err != nil {
			return err
		}
		for _, session := range all {
			if !pick(session.Token, session.Data) {
				continue
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE token = $1`, session.Token); err != nil {
				return fmt.Errorf("delete a login session: %w", err)
			}
			gone++
		}
		return nil
	})
	return gone, err
}

// Session is a stored login session. Token is what package web derives from the
// browser's token.
type Session struct {
	Token string
	Data  []byte
}

func scanSession(row scanner) (s Session, err error) {
	err = row.Scan(&s.Token, &s.Data)
	return s, err
}

// Sessions returns the login sessions that have not expired.
func (s *Store) Sessions(ctx context.Context) ([]Session, error) {
	return list(ctx, s.r, "read the login sessions", scanSession,
		`SELECT token, data FROM sessions WHERE expiry > $1`, toMillis(time.Now()))
}

// SignInAddresses returns the client addresses of a user's last 50 sign-ins, the
// newest first.
func (s *Store) SignInAddresses(ctx context.Context, id int64) ([]string, error) {
	const latest = 50
	return list(ctx, s.r, "read the latest sign-ins", scanString,
		`SELECT address FROM audit WHERE actor_id = $1 AND action = 'login' ORDER BY id DESC LIMIT $2`, id, latest)
}
