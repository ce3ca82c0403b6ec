package store

import (
	"context"
	"database/sql"
	"fmt"

	"kube-node-manager/services"
)

// Users returns every user, oldest first.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT `+userColumns+` FROM users ORDER BY id`)
	if err != nil {
		return nil, mapErr(fmt.Errorf("read the users: %w", err))
	}
	defer func() { _ = rows.Close() }()
	users := []User{}
	for rows.Next() {
		u, err := scanUser(rows)
		if err != nil {
			return nil, err
		}
		users = append(users, u)
	}
	return users, mapErr(rows.Err())
}

// Held is what else hangs on a user whose access changes.
type Held struct {
	Tokens  int // they have
	Batches int // they started and that have not ended
}

// SetDisabled takes the access of a user away or returns it. Taking it away ends
// every login; tokens are kept, and are void as long as the user is disabled.
//
// Errors: CodeNotFound; CodeConflict for a user who is so already, and for the last
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
		if _, err := tx.ExecContext(ctx,
			`UPDATE users SET disabled = $2, auth_epoch = auth_epoch + $2 WHERE id = $1`, id, disabled); err != nil {
			return err
		}
		if held, err = heldBy(ctx, tx, id); err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{
			Action: action, Object: u.Name, Before: facts("disabled", u.Disabled), After: facts("disabled", disabled),
		})
	})
	return held, err
}

// SetRole returns a user another role, from their next request on.
//
// Errors: CodeNotFound; CodeConflict for a user who has the role already, and for
// the last administrator.
func (s *Store) SetRole(ctx context.Context, id int64, role services.Role) (held Held, err error) {
	err = s.changeUser(ctx, id, func(tx *sql.Tx, u User) error {
		if u.Role == role {
			return services.NewError(services.CodeConflict, "error_user_has_role", "Name", u.Name, "Role", string(role))
		}
		if _, err := tx.ExecContext(ctx, `UPDATE users SET role = $2 WHERE id = $1`, id, role); err != nil {
			return err
		}
		if held, err = heldBy(ctx, tx, id); err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{
			Action: ActionUserRole, Object: u.Name, Before: facts("role", u.Role), After: facts("role", role),
		})
	})
	return held, err
}

// DeleteUser deletes a user with their tokens. Their batches and what they did
// stay on record, and nobody else ever gets their id.
//
// Errors: CodeNotFound; CodeConflict for the last administrator.
func (s *Store) DeleteUser(ctx context.Context, id int64) (held Held, err error) {
	err = s.changeUser(ctx, id, func(tx *sql.Tx, u User) error {
		if held, err = heldBy(ctx, tx, id); err != nil {
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

// changeUser runs fn over a user in one transaction, which is undone when it would
// leave the program without an administrator.
func (s *Store) changeUser(ctx context.Context, id int64, fn func(tx *sql.Tx, u User) error) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		u, err := scanUser(tx.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1`, id))
		if err != nil {
			return err
		}
		if err := fn(tx, u); err != nil || u.Role != services.RoleAdmin || u.Disabled {
			return err
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
		(SELECT count(*) FROM batches WHERE actor_id = $1 AND state IN ('running', 'interrupted'))`, id).
		Scan(&h.Tokens, &h.Batches)
	return h, err
}

// DeleteSessions deletes the login sessions whose data the caller picks, and
// returns how many there were. Who keeps login sessions knows how to read them.
func (s *Store) DeleteSessions(ctx context.Context, pick func(data []byte) bool) (gone int, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		tokens, err := pickSessions(ctx, tx, pick)
		if err != nil {
			return err
		}
		for _, token := range tokens {
			if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE token = $1`, token); err != nil {
				return fmt.Errorf("delete a login session: %w", err)
			}
		}
		gone = len(tokens)
		return nil
	})
	return gone, err
}

func pickSessions(ctx context.Context, tx *sql.Tx, pick func(data []byte) bool) (tokens []string, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT token, data FROM sessions`)
	if err != nil {
		return nil, fmt.Errorf("read the login sessions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var (
			token string
			data  []byte
		)
		if err := rows.Scan(&token, &data); err != nil {
			return nil, fmt.Errorf("read the login sessions: %w", err)
		}
		if pick(data) {
			tokens = append(tokens, token)
		}
	}
	return tokens, rows.Err()
}

// SignInAddresses returns from where a user has signed in of late, newest first.
func (s *Store) SignInAddresses(ctx context.Context, id int64) (addresses []string, err error) {
	const latest = 50
	rows, err := s.r.QueryContext(ctx,
		`SELECT address FROM audit WHERE actor_id = $1 AND action = 'login' ORDER BY id DESC LIMIT $2`, id, latest)
	if err != nil {
		return nil, mapErr(fmt.Errorf("read the latest sign-ins: %w", err))
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var address string
		if err := rows.Scan(&address); err != nil {
			return nil, mapErr(err)
		}
		addresses = append(addresses, address)
	}
	return addresses, mapErr(rows.Err())
}
