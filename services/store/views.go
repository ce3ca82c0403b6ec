package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"kube-node-manager/services"
)

// View is a saved view of the node table.
type View struct {
	ID        int64
	UserID    int64  // the owner's; 0 once that user is gone
	Owner     string // their name
	Name      string // without regard to case unique among a user's personal views, and among shared ones
	Query     string
	Shared    bool
	UpdatedAt time.Time
}

const viewColumns = `id, coalesce(user_id, 0), owner, name, query, shared, updated_at`

const selectViews = `SELECT ` + viewColumns + ` FROM views`

func scanView(row scanner) (v View, err error) {
	var updated int64
	err = row.Scan(&v.ID, &v.UserID, &v.Owner, &v.Name, &v.Query, &v.Shared, &updated)
	v.UpdatedAt = fromMillis(updated)
	return v, err
}

// Views returns the views of a user and all shared ones: the personal ones first, each by
// name.
func (s *Store) Views(ctx context.Context, user int64) ([]View, error) {
	return list(ctx, s.r, "read the saved views", scanView,
		selectViews+` WHERE shared OR user_id = $1 ORDER BY shared, lower(name), id`, user)
}

// View returns one view, or CodeNotFound.
func (s *Store) View(ctx context.Context, id int64) (View, error) { return findView(ctx, s.r, id) }

func findView(ctx context.Context, q querier, id int64) (View, error) {
	v, err := scanView(q.QueryRowContext(ctx, selectViews+` WHERE id = $1`, id))
	if err != nil {
		return View{}, mapErr(fmt.Errorf("read a saved view: %w", err))
	}
	return v, nil
}

// facts returns the view for an audit entry.
func (v View) facts() json.RawMessage {
	return facts("id", v.ID, "name", v.Name, "query", v.Query, "owner", v.Owner)
}

// ViewLimits are the most views that a user may have, and that may be shared.
type ViewLimits struct{ Own, Shared int }

// InsertView adds a view and returns it as it is stored. A shared one is noted in the
// audit log.
//
// Errors: CodeInvalid for the field "name" if the name is in use, or if there are too many
// views.
func (s *Store) InsertView(ctx context.Context, v View, limits ViewLimits) (made View, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		err := roomForView(ctx, tx, v, limits)
		if err != nil {
			return err
		}
		made, err = scanView(tx.QueryRowContext(ctx, `INSERT INTO views (user_id, owner, name, query, shared, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6) RETURNING `+viewColumns,
			v.UserID, v.Owner, v.Name, v.Query, v.Shared, toMillis(s.now())))
		if err != nil {
			return viewTaken(err, v.Name)
		}
		return s.noteView(ctx, tx, ActionViewShare, View{}, made)
	})
	return made, err
}

// roomForView returns an error if there may be no more views such as v.
func roomForView(ctx context.Context, tx *sql.Tx, v View, limits ViewLimits) error {
	var own, shared int
	err := tx.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE user_id = $1), count(*) FILTER (WHERE shared)
		FROM views WHERE id <> $2`, v.UserID, v.ID).Scan(&own, &shared)
	switch {
	case err != nil:
		return fmt.Errorf("count the saved views: %w", err)
	case own >= limits.Own:
		return services.Invalid("name", "error_views_own", "Max", limits.Own)
	case v.Shared && shared >= limits.Shared:
		return services.Invalid("name", "error_views_shared", "Max", limits.Shared)
	default:
		return nil
	}
}

// viewTaken turns a conflict of names into an error of the field "name".
func viewTaken(err error, name string) error {
	err = mapErr(err)
	if services.CodeOf(err) == services.CodeConflict {
		return services.Invalid("name", "error_view_taken", "Name", name)
	}
	return err
}

// UpdateView changes the name, the query and whether a view is shared, and returns it as
// it is stored. allow decides by the view as it was.
//
// Errors: CodeNotFound; those of allow and InsertView.
func (s *Store) UpdateView(
	ctx context.Context, v View, limits ViewLimits, allow func(old View) error,
) (changed View, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		old, err := findView(ctx, tx, v.ID)
		if err != nil {
			return err
		}
		if err := allow(old); err != nil {
			return err
		}
		v.UserID, v.Owner = old.UserID, old.Owner
		if v.Shared && !old.Shared {
			err = roomForView(ctx, tx, v, limits)
		}
		if err != nil {
			return err
		}
		changed, err = scanView(tx.QueryRowContext(ctx, `UPDATE views
			SET name = $1, query = $2, shared = $3, updated_at = CASE WHEN $4 > updated_at THEN $4 ELSE updated_at + 1 END
			WHERE id = $5 RETURNING `+viewColumns, v.Name, v.Query, v.Shared, toMillis(s.now()), v.ID))
		if err != nil {
			return viewTaken(err, v.Name)
		}
		return s.noteView(ctx, tx, changeOf(old, changed), old, changed)
	})
	return changed, err
}

// changeOf returns the action that has changed a view.
func changeOf(old, changed View) Action {
	switch {
	case old.Shared && changed.Shared:
		return ActionViewUpdate
	case old.Shared:
		return ActionViewUnshare
	default:
		return ActionViewShare
	}
}

// noteView writes an audit entry if the view is, or was, shared.
func (s *Store) noteView(ctx context.Context, tx *sql.Tx, a Action, before, after View) error {
	e := Entry{Action: a, Object: after.Name}
	if before.Shared {
		e.Before = before.facts()
	}
	if after.Shared {
		e.After = after.facts()
	}
	if !before.Shared && !after.Shared {
		return nil
	}
	if e.Object == "" {
		e.Object = before.Name
	}
	return s.note(ctx, tx, e)
}

// DeleteView deletes a view and returns it as it was. allow decides by the view.
//
// Errors: CodeNotFound; those of allow.
func (s *Store) DeleteView(ctx context.Context, id int64, allow func(View) error) (gone View, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		gone, err = findView(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := allow(gone); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM views WHERE id = $1`, id); err != nil {
			return fmt.Errorf("delete a saved view: %w", err)
		}
		return s.noteView(ctx, tx, ActionViewDelete, gone, View{})
	})
	return gone, err
}

// Searches returns what a user has searched for, the latest first.
func (s *Store) Searches(ctx context.Context, user int64) ([]string, error) {
	return list(ctx, s.r, "read the recent searches", scanString,
		`SELECT text FROM searches WHERE user_id = $1 ORDER BY at DESC`, user)
}

// KeepSearch adds a search to those of a user and forgets all but the latest keep.
func (s *Store) KeepSearch(ctx context.Context, user int64, text string, keep int) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO searches (user_id, text, at)
			SELECT $1, $2, CASE WHEN $3 > latest THEN $3 ELSE latest + 1 END
				FROM (SELECT coalesce(max(at), 0) AS latest FROM searches WHERE user_id = $1) AS own
			WHERE TRUE ON CONFLICT (user_id, text) DO UPDATE SET at = excluded.at`, user, text, toMillis(s.now()))
		if err != nil {
			return fmt.Errorf("keep a search: %w", err)
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM searches WHERE user_id = $1 AND text NOT IN
			(SELECT text FROM searches WHERE user_id = $1 ORDER BY at DESC LIMIT $2)`, user, keep)
		if err != nil {
			return fmt.Errorf("forget old searches: %w", err)
		}
		return nil
	})
}

// ForgetSearches forgets one search of a user, or all with "".
func (s *Store) ForgetSearches(ctx context.Context, user int64, text string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM searches WHERE user_id = $1 AND ($2 = '' OR text = $2)`, user, text)
		if err != nil {
			return fmt.Errorf("forget searches: %w", err)
		}
		return nil
	})
}
