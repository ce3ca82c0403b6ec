package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"kube-node-manager/services"
)

// Of the replicas that share a PostgreSQL database, one works at a time: it has the row of
// leadership, and renews its term before the time in that is over. Each replica that takes
// over raises the token in both rows. A write transaction locks the row of leadership and
// compares the token, so a replica that has lost the leadership, for example because it was
// stopped for a while, writes nothing more, whatever it believes. The term has a row and a
// connection of its own: however many writes wait, and however long one takes, the renewal
// does not wait for them. Times are those of the database.

// Leader is the replica that works, and how the others reach it.
type Leader struct {
	Token       int64
	Holder      string // its name
	Address     string // where it takes the requests of the others
	Secret      string // which they send with them
	Certificate string // SHA-256 of what it shows them
}

// ErrNotLeading is the error of a write of a replica that has lost the leadership.
var ErrNotLeading = errors.New("another replica has taken over")

// enterLeading lets one write transaction run at a time, and refuses those for a leadership
// that has been lost.
func (s *Store) enterLeading(ctx context.Context, tx *sql.Tx) error {
	token, err := lockLeadership(ctx, tx)
	if err != nil {
		return fmt.Errorf("begin a write transaction: %w", err)
	}
	if s.token != 0 && s.token != token {
		return services.Wrap(ErrNotLeading, services.CodeUnavailable, "error_replica_lost")
	}
	return nil
}

// lockLeadership locks the row of leadership until the end of a transaction, and returns its
// token.
func lockLeadership(ctx context.Context, tx *sql.Tx) (token int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT token FROM leadership WHERE id = 1 FOR UPDATE`).Scan(&token)
	return token, err
}

// Lead makes this replica the one that works, for a time, if no other one is. It returns a
// view of the store whose writes are refused once the leadership is lost, even if this
// replica leads again later; nil if another replica works. The view must not be closed.
func (s *Store) Lead(ctx context.Context, me Leader, lasts time.Duration) (*Store, error) {
	token, err := s.takeLead(ctx, me, lasts)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, mapErr(unanswered(fmt.Errorf("take the leadership: %w", err)))
	}
	view := &Store{w: s.w, r: s.r, l: s.l, log: s.log, now: s.now, token: token}
	view.engine = view.postgresEngine()
	return view, nil
}

// takeLead takes the leadership and returns its token. The error is sql.ErrNoRows if another
// replica has it.
func (s *Store) takeLead(ctx context.Context, me Leader, lasts time.Duration) (token int64, err error) {
	// Most of the time somebody has it, and then nothing is locked.
	const over = "id = 1 AND held_until < clock_timestamp()"
	if err := s.l.QueryRowContext(ctx, "SELECT token FROM leadership_term WHERE "+over).Scan(&token); err != nil {
		return 0, err
	}
	tx, err := s.l.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	// First, as a write transaction does: what the one before still writes is waited for.
	token, err = lockLeadership(ctx, tx)
	if err != nil {
		return 0, err
	}
	token++
	err = tx.QueryRowContext(ctx, `UPDATE leadership_term
		SET token = $1, held_until = clock_timestamp() + $2 * INTERVAL '1 millisecond'
		WHERE `+over+` RETURNING token`, token, lasts.Milliseconds()).Scan(&token)
	if err != nil {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE leadership
		SET token = $1, holder = $2, address = $3, secret = $4, certificate = $5, held_until = 'infinity' WHERE id = 1`,
		token, me.Holder, me.Address, me.Secret, me.Certificate)
	if err != nil {
		return 0, err
	}
	return token, tx.Commit()
}

// KeepLead renews the leadership of a view that Lead has returned.
//
// Errors: ErrNotLeading if another replica has taken over.
func (s *Store) KeepLead(ctx context.Context, lasts time.Duration) error {
	result, err := s.l.ExecContext(ctx, `UPDATE leadership_term
		SET held_until = clock_timestamp() + $2 * INTERVAL '1 millisecond' WHERE id = 1 AND token = $1`,
		s.token, lasts.Milliseconds())
	if err != nil {
		return mapErr(unanswered(fmt.Errorf("renew the leadership: %w", err)))
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrNotLeading, err)
	}
	return nil
}

// EndLead ends the leadership of a view that Lead has returned, so that another replica need
// not wait for its end. It does nothing if another one has taken over.
func (s *Store) EndLead(ctx context.Context) error {
	_, err := s.l.ExecContext(ctx, `UPDATE leadership_term SET held_until = '-infinity'
		WHERE id = 1 AND token = $1`, s.token)
	if err != nil {
		return fmt.Errorf("end the leadership: %w", err)
	}
	return nil
}

// Leader returns the replica that works; ok is false if none does.
func (s *Store) Leader(ctx context.Context) (l Leader, ok bool, err error) {
	err = s.r.QueryRowContext(ctx, `SELECT l.token, l.holder, l.address, l.secret, l.certificate,
		t.held_until >= clock_timestamp() FROM leadership l JOIN leadership_term t ON t.id = l.id WHERE l.id = 1`).
		Scan(&l.Token, &l.Holder, &l.Address, &l.Secret, &l.Certificate, &ok)
	if err != nil {
		return Leader{}, false, mapErr(unanswered(fmt.Errorf("read who leads: %w", err)))
	}
	return l, ok, nil
}

// unanswered returns the error of a question about the leadership whose time was over
// as that of a server that does not answer: nobody waits as long as for other queries.
func unanswered(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return services.Wrap(err, services.CodeUnavailable, silent)
	}
	return err
}
