package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Factor is the second factor of a user.
type Factor struct {
	UserID    int64
	CreatedAt time.Time
	LastStep  int64 // the newest time step whose code was used
	FactorSecret
	Recovery int // recovery codes that are left
}

// FactorSecret is the encrypted secret of an authenticator app.
type FactorSecret struct {
	KeyID   string
	DataKey []byte
	Secret  []byte
}

const factorColumns = `user_id, created_at, last_step, key_id, data_key, secret,
	(SELECT count(*) FROM recovery_codes WHERE recovery_codes.user_id = factors.user_id)`

func scanFactor(row scanner) (f Factor, err error) {
	var created int64
	err = row.Scan(&f.UserID, &created, &f.LastStep, &f.KeyID, &f.DataKey, &f.Secret, &f.Recovery)
	if err != nil {
		return Factor{}, mapErr(err)
	}
	f.CreatedAt = fromMillis(created)
	return f, nil
}

// Factor returns the second factor of a user.
//
// Errors: CodeNotFound for a user without one.
func (s *Store) Factor(ctx context.Context, user int64) (Factor, error) {
	return scanFactor(s.r.QueryRowContext(ctx, `SELECT `+factorColumns+` FROM factors WHERE user_id = $1`, user))
}

// InsertFactor adds the second factor of a user with the hashes of its recovery codes,
// and ends every login of the user.
//
// Errors: CodeConflict for a user who has one; CodeNotFound.
func (s *Store) InsertFactor(ctx context.Context, f Factor, codes [][]byte) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		name, err := endLogins(ctx, tx, f.UserID)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO factors (user_id, created_at, last_step, key_id, data_key, secret)
			VALUES ($1, $2, $3, $4, $5, $6)`, f.UserID, toMillis(f.CreatedAt), f.LastStep, f.KeyID, f.DataKey, f.Secret)
		if err != nil {
			return err
		}
		if err := insertRecovery(ctx, tx, f.UserID, codes); err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{Action: ActionFactorAdd, Object: name})
	})
}

func insertRecovery(ctx context.Context, tx *sql.Tx, user int64, codes [][]byte) error {
	for _, code := range codes {
		_, err := tx.ExecContext(ctx, `INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)`, user, code)
		if err != nil {
			return fmt.Errorf("store a recovery code: %w", err)
		}
	}
	return nil
}

// UseStep records that the code of a time step was used.
//
// Errors: CodeNotFound if that code or a newer one was used before.
func (s *Store) UseStep(ctx context.Context, user, step int64) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		const update = `UPDATE factors SET last_step = $2 WHERE user_id = $1 AND last_step < $2 RETURNING user_id`
		return tx.QueryRowContext(ctx, update, user, step).Scan(&user)
	})
}

// UseRecovery deletes a recovery code, which was used in place of a code of the app.
//
// Errors: CodeNotFound for one that the user does not have.
func (s *Store) UseRecovery(ctx context.Context, user int64, code []byte) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		var name string
		err := tx.QueryRowContext(ctx, `DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2
			RETURNING (SELECT name FROM users WHERE id = user_id)`, user, code).Scan(&name)
		if err != nil {
			return err
		}
		var left int
		err = tx.QueryRowContext(ctx, `SELECT count(*) FROM recovery_codes WHERE user_id = $1`, user).Scan(&left)
		if err != nil {
			return err
		}
		return s.noteAs(ctx, tx, user, name, Entry{Action: ActionFactorRecovery, Object: name, After: facts("left", left)})
	})
}

// ReplaceRecovery replaces all recovery codes of a user.
//
// Errors: CodeNotFound for a user without a second factor.
func (s *Store) ReplaceRecovery(ctx context.Context, user int64, codes [][]byte) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		var name string
		err := tx.QueryRowContext(ctx,
			`SELECT name FROM users JOIN factors ON user_id = id WHERE id = $1`, user).Scan(&name)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM recovery_codes WHERE user_id = $1`, user); err != nil {
			return err
		}
		if err := insertRecovery(ctx, tx, user, codes); err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{Action: ActionFactorCodes, Object: name})
	})
}

// DeleteFactor removes the second factor of a user and ends every login of the user.
//
// Errors: CodeNotFound for a user without one.
func (s *Store) DeleteFactor(ctx context.Context, user int64) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		const remove = `DELETE FROM factors WHERE user_id = $1 RETURNING user_id`
		if err := tx.QueryRowContext(ctx, remove, user).Scan(&user); err != nil {
			return err
		}
		name, err := endLogins(ctx, tx, user)
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Entry{Action: ActionFactorRemove, Object: name})
	})
}

// endLogins ends every login of a user and returns their name.
func endLogins(ctx context.Context, tx *sql.Tx, id int64) (name string, err error) {
	return updateUser(ctx, tx, `UPDATE users SET auth_epoch = auth_epoch + 1 WHERE id = $1 RETURNING name`, id)
}
